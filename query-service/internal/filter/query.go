package filter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Bounds of a query.
const (
	DefaultLimit = 50      // rows of an answer where the query does not say
	MaxLimit     = 1000    // rows of an answer
	MaxSkip      = 100_000 // rows that are counted over; a page token goes on without counting
	maxTests     = 100     // comparisons in a filter
	maxValues    = 1000    // of $in
)

// Query is what a client asks of the rows of a version.
type Query struct {
	Limit int // from 1 to MaxLimit; 0 where the query does not say
	Skip  int
	After string // the page token of the page before; "" where there is none

	declaration *readmodel.Declaration
	filter      condition // nil where every row is meant
	order       []Order
}

// Order is a column that rows are sorted by.
type Order struct {
	Column     readmodel.Column
	Descending bool // null is greater than every value, so that it comes first
}

// Parse reads a query about rows of the declaration. An empty source is an empty query. Its errors are faults of code
// invalid-query, which name the place.
func Parse(source []byte, d *readmodel.Declaration) (*Query, error) {
	q := &Query{declaration: d}
	if len(strings.TrimSpace(string(source))) == 0 {
		return q, nil
	}
	top, err := parse(source)
	if err != nil {
		return nil, err
	}
	for _, m := range top.members {
		switch m.name {
		case "$filter":
			p := parser{declaration: d}
			q.filter, err = p.filter("$filter", m.value)
			if conditions, ok := q.filter.(all); ok && len(conditions) == 0 {
				q.filter = nil
			}
		case "$order_by":
			err = q.orderBy(m.value)
		case "$limit":
			q.Limit, err = count(m, 1, MaxLimit)
		case "$skip":
			q.Skip, err = count(m, 0, MaxSkip)
		case "$after":
			var ok bool
			if q.After, ok = m.value.text(); !ok || q.After == "" {
				err = invalid("$after", "is not a page token, which is a string")
			}
		default:
			err = invalid(m.name, "is unknown; a query has $filter, $order_by, $limit, $skip and $after")
		}
		if err != nil {
			return nil, err
		}
	}
	if q.After != "" && q.Skip > 0 {
		return nil, invalid("$skip", "stands beside $after, which goes on behind a row already; give one of them")
	}
	return q, nil
}

// count reads a whole number.
func count(m member, least, most int) (int, error) {
	n, err := strconv.Atoi(m.value.raw)
	if err != nil || n < least || n > most {
		return 0, invalid(m.name, "is not a whole number from %d to %d", least, most)
	}
	return n, nil
}

func (q *Query) orderBy(n node) error {
	if !n.object() {
		return invalid("$order_by", "is not an object such as {\"%s\": \"asc\"}", q.declaration.Columns[0].Name)
	}
	for _, m := range n.members {
		place := join("$order_by", m.name)
		column, err := known(place, m.name, q.declaration)
		if err != nil {
			return err
		}
		if column.TypeName() == "jsonb" {
			return invalid(place, "is of type jsonb, which has no order")
		}
		direction, _ := m.value.text()
		if direction != "asc" && direction != "desc" {
			return invalid(place, "is not \"asc\" or \"desc\"")
		}
		q.order = append(q.order, Order{column, direction == "desc"})
	}
	return nil
}

// known returns the column of that name, or a fault that names those that there are.
func known(place, name string, d *readmodel.Declaration) (readmodel.Column, error) {
	column, ok := d.Column(name)
	if !ok {
		return column, invalid(place, "is not a column of %s; they are %s", d.Label(), strings.Join(d.ColumnNames(), ", "))
	}
	return column, nil
}

// Order returns the columns that rows are sorted by. The primary key ends it, so that every row has its own place.
func (q *Query) Order() []Order {
	order := slices.Clone(q.order)
	for _, name := range q.declaration.PrimaryKey {
		if slices.ContainsFunc(order, func(o Order) bool { return o.Column.Name == name }) {
			continue
		}
		column, _ := q.declaration.Column(name)
		descending := len(q.order) > 0 && q.order[len(q.order)-1].Descending // as an index goes that is read backward
		order = append(order, Order{column, descending})
	}
	return order
}

// Identity returns a text that is the same for queries that ask for the same rows in the same order, whatever page of them.
func (q *Query) Identity() string {
	var p Parameters
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s", q.Where(&p), q.OrderBy(""))
	if q.filter != nil {
		q.filter.values(func(raw string) { fmt.Fprintf(&b, "\n%q", raw) })
	}
	return b.String()
}

// After returns the page token of a query whose declaration is not known yet, "" where there is none: a page goes on in the
// version that its token names.
func After(source []byte) (string, error) {
	if len(strings.TrimSpace(string(source))) == 0 {
		return "", nil
	}
	top, err := parse(source)
	if err != nil {
		return "", err
	}
	for _, m := range top.members {
		if m.name == "$after" {
			token, _ := m.value.text()
			return token, nil
		}
	}
	return "", nil
}
