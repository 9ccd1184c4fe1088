package filter

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// condition is a checked part of a filter.
type condition interface {
	sql(p *Parameters) string
	values(each func(raw string)) // the source of its values, in their order
	narrows(d *readmodel.Declaration) (ok bool, missing [][]string)
}

type (
	all  []condition            // $and, and what stands beside each other
	some []condition            // $or
	not  struct{ of condition } // $not
	test struct {               // one comparison
		column   readmodel.Column
		operator string
		value    any    // what pgx takes; nil is null
		raw      string // its source
	}
)

// comparisons are the operators that compare with one value.
var comparisons = map[string]string{"$eq": "=", "$ne": "IS DISTINCT FROM", "$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}

const operators = "$eq, $ne, $lt, $lte, $gt, $gte, $in, $contains, $matches_any and $matches_all"

// parser reads a filter.
type parser struct {
	declaration *readmodel.Declaration
	tests       int
}

// filter reads an object of conditions that must hold all together.
func (p *parser) filter(place string, n node) (condition, error) {
	if !n.object() {
		return nil, invalid(place, "is not an object such as {\"%s\": …}", p.declaration.Columns[0].Name)
	}
	var conditions all
	for _, m := range n.members {
		var c condition
		var err error
		at := join(place, m.name)
		switch {
		case m.name == "$and":
			c, err = p.several(at, m.value)
		case m.name == "$or":
			var of condition
			if of, err = p.several(at, m.value); err == nil {
				c = some(of.(all))
			}
		case m.name == "$not":
			var of condition
			of, err = p.filter(at, m.value)
			c = not{of}
		case strings.HasPrefix(m.name, "$"):
			err = invalid(at, "is unknown; here can be columns, $and, $or and $not")
		default:
			c, err = p.column(at, m.name, m.value)
		}
		if err != nil {
			return nil, err
		}
		if beside, ok := c.(all); ok {
			conditions = append(conditions, beside...)
			continue
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// several reads a list of filters.
func (p *parser) several(place string, n node) (condition, error) {
	if !n.list() {
		return nil, invalid(place, "is not a list of filters such as [{…}, {…}]")
	}
	if len(n.items) == 0 {
		return nil, invalid(place, "is empty; give at least one filter")
	}
	var conditions all
	for i, item := range n.items {
		c, err := p.filter(place+"["+strconv.Itoa(i)+"]", item)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// column reads what is asked of a column: a value, which means $eq, or an object of operators.
func (p *parser) column(place, name string, n node) (condition, error) {
	column, err := known(place, name, p.declaration)
	if err != nil {
		return nil, err
	}
	if !n.object() {
		return p.test(place, column, "$eq", n)
	}
	if len(n.members) == 0 {
		return nil, invalid(place, "is empty; give a value or an operator such as {\"$gt\": …}")
	}
	var conditions all
	for _, m := range n.members {
		c, err := p.test(join(place, m.name), column, m.name, m.value)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// test reads one comparison.
func (p *parser) test(place string, column readmodel.Column, operator string, n node) (condition, error) {
	if p.tests++; p.tests > maxTests {
		return nil, invalid(place, "is one comparison too many; a filter has at most %d", maxTests)
	}
	t := test{column: column, operator: operator, raw: n.raw}
	var err error
	switch operator {
	case "$eq", "$ne":
		if n.null() {
			return t, nil
		}
		t.value, err = value(place, column, n)
	case "$lt", "$lte", "$gt", "$gte":
		if column.TypeName() == "jsonb" {
			return nil, invalid(place, "has no meaning for jsonb, which has no order")
		}
		// What has more digits than the column still has a place among its values.
		column.Type = column.TypeName()
		t.value, err = value(place, column, n)
	case "$in":
		t.value, err = values(place, column, n)
	case "$contains":
		t.value, err = part(place, column, n)
	case "$matches_any", "$matches_all":
		t.value, err = words(place, column, n)
	default:
		return nil, invalid(place, "is unknown; the operators are "+operators)
	}
	return t, err
}

// value reads a value of the column's type.
func value(place string, column readmodel.Column, n node) (any, error) {
	switch {
	case n.null():
		return nil, invalid(place, "is null, which only $eq and $ne can be")
	case (n.object() || n.list()) && column.TypeName() != "jsonb":
		return nil, invalid(place, "is an object or a list, not a %s", column.TypeName())
	}
	v, err := column.ParseJSON(n.raw)
	if err != nil {
		return nil, invalid(place, "%v", err)
	}
	return v, nil
}

// values reads a list of values, as one parameter.
func values(place string, column readmodel.Column, n node) (any, error) {
	if !n.list() || len(n.items) == 0 || len(n.items) > maxValues {
		return nil, invalid(place, "is not a list of 1 to %d values", maxValues)
	}
	list := make([]any, len(n.items))
	for i, item := range n.items {
		v, err := value(place+"["+strconv.Itoa(i)+"]", column, item)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	column.Nullable = false
	return column.Array(list), nil
}

// part reads what a text or JSON is to contain.
func part(place string, column readmodel.Column, n node) (any, error) {
	switch column.TypeName() {
	case "jsonb":
		return value(place, column, n)
	case "text":
		v, err := value(place, column, n)
		if err == nil && v == "" {
			err = invalid(place, "is empty, which every text contains")
		}
		return v, err
	}
	return nil, invalid(place, "is for columns of type text and jsonb, and %s is %s", column.Name, column.Type)
}

// words reads one string or a list of them; each must hold a word. They become a list of single words.
func words(place string, column readmodel.Column, n node) (any, error) {
	if column.TypeName() != "text" {
		return nil, invalid(place, "is for columns of type text, and %s is %s", column.Name, column.Type)
	}
	items, places := []node{n}, []string{place}
	if n.list() {
		items, places = n.items, nil
		for i := range items {
			places = append(places, place+"["+strconv.Itoa(i)+"]")
		}
	}
	var found []string
	for i, item := range items {
		v, err := value(places[i], column, item)
		if err != nil {
			return nil, err
		}
		some := strings.FieldsFunc(v.(string), unicode.IsSpace)
		some = slices.DeleteFunc(some, func(word string) bool { return !strings.ContainsFunc(word, inWord) })
		if len(some) == 0 {
			return nil, invalid(places[i], "holds no word")
		}
		found = append(found, some...)
	}
	if len(found) == 0 || len(found) > maxTests {
		return nil, invalid(place, "is not 1 to %d words", maxTests)
	}
	return found, nil
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
