package filter

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Parameters collects the values of a statement.
type Parameters struct{ Values []any }

// Add adds a value and returns what stands for it, such as $1.
func (p *Parameters) Add(value any) string {
	p.Values = append(p.Values, value)
	return "$" + strconv.Itoa(len(p.Values))
}

// Where returns the condition in SQL.
func (q *Query) Where(p *Parameters) string {
	if q.filter == nil {
		return "true"
	}
	return q.filter.sql(p)
}

// OrderBy returns the list for ORDER BY. of names the table, where columns need it; a dot is added.
func (q *Query) OrderBy(of string) string {
	var terms []string
	for _, o := range q.Order() {
		term := postgres.Identifier(o.Column.Name)
		if of != "" {
			term = of + "." + term
		}
		if o.Descending {
			term += " DESC"
		}
		terms = append(terms, term)
	}
	return strings.Join(terms, ", ")
}

// Behind returns the condition in SQL of rows that come after the row with these values of the columns of Order; nil is
// null, which is greater than every value.
func (q *Query) Behind(p *Parameters, place []any) string {
	order := q.Order()
	if uniform(order, place) {
		var columns, values []string
		for i, o := range order {
			columns, values = append(columns, postgres.Identifier(o.Column.Name)), append(values, p.Add(place[i]))
		}
		operator := ">"
		if order[0].Descending {
			operator = "<"
		}
		return fmt.Sprintf("(%s) %s (%s)", strings.Join(columns, ", "), operator, strings.Join(values, ", "))
	}
	// The first column is behind; or it is equal, and the second is behind; and so on.
	var ways []string
	var equal string
	for i, o := range order {
		column, behind := postgres.Identifier(o.Column.Name), "false"
		same := column + " IS NULL"
		switch {
		case place[i] == nil && o.Descending:
			behind = column + " IS NOT NULL"
		case place[i] == nil:
		default:
			value := p.Add(place[i])
			same = column + " = " + value
			switch {
			case o.Descending:
				behind = column + " < " + value
			case o.Column.Nullable:
				behind = "(" + column + " > " + value + " OR " + column + " IS NULL)"
			default:
				behind = column + " > " + value
			}
		}
		ways = append(ways, "("+equal+behind+")")
		equal += same + " AND "
	}
	return "(" + strings.Join(ways, " OR ") + ")"
}

// uniform reports whether comparing rows as a whole gives the order, for which an index can be used.
func uniform(order []Order, place []any) bool {
	for i, o := range order {
		if o.Descending != order[0].Descending || o.Column.Nullable || place[i] == nil {
			return false
		}
	}
	return true
}

func (c all) sql(p *Parameters) string  { return joined(c, " AND ", p) }
func (c some) sql(p *Parameters) string { return joined(c, " OR ", p) }
func (c not) sql(p *Parameters) string  { return "(" + c.of.sql(p) + ") IS NOT TRUE" }

func joined(conditions []condition, by string, p *Parameters) string {
	if len(conditions) == 0 {
		return "true"
	}
	var terms []string
	for _, c := range conditions {
		terms = append(terms, c.sql(p))
	}
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + strings.Join(terms, by) + ")"
}

// likely escapes what means something else to LIKE.
var likely = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

func (t test) sql(p *Parameters) string {
	column := postgres.Identifier(t.column.Name)
	switch {
	case t.operator == "$eq" && t.value == nil:
		return column + " IS NULL"
	case t.operator == "$ne" && t.value == nil:
		return column + " IS NOT NULL"
	case t.operator == "$in":
		return column + " = ANY (" + p.Add(t.value) + ")"
	case t.operator == "$contains" && t.column.TypeName() == "jsonb":
		return column + " @> " + p.Add(t.value)
	case t.operator == "$contains":
		return column + " ILIKE " + p.Add("%"+likely.Replace(t.value.(string))+"%")
	case t.operator == "$matches_any":
		return matches(column, p.Add(wanted(t.value.([]string), " or ")))
	case t.operator == "$matches_all":
		return matches(column, p.Add(wanted(t.value.([]string), " ")))
	default:
		return column + " " + comparisons[t.operator] + " " + p.Add(t.value)
	}
}

// matches returns a condition on the words of a column. The configuration simple knows no language: a word is matched as
// it is, in whatever case.
func matches(column, words string) string {
	return "to_tsvector('simple', " + column + ") @@ websearch_to_tsquery('simple', " + words + ")"
}

// wanted returns the words as websearch_to_tsquery reads them, each in quotation marks, in which nothing has a meaning.
func wanted(words []string, by string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = `"` + strings.ReplaceAll(word, `"`, " ") + `"`
	}
	return strings.Join(quoted, by)
}

func (c all) values(each func(string)) {
	for _, of := range c {
		of.values(each)
	}
}

func (c some) values(each func(string)) { all(c).values(each) }
func (c not) values(each func(string))  { c.of.values(each) }
func (t test) values(each func(string)) { each(t.raw) }
