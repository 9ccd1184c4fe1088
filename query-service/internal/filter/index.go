package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// NeedsIndex returns a fault of code missing-index, with the YAML to add where an index can help, if the query would go
// through all rows: no index of the declaration leads to those that the filter means or, where every row is meant, gives
// the order. It is for tables that are too large for that.
func (q *Query) NeedsIndex() error {
	d := q.declaration
	if q.filter == nil {
		run := q.run()
		if len(run) == 0 || slices.ContainsFunc(indexes(d), func(i []string) bool { return len(i) >= len(run) && slices.Equal(i[:len(run)], run) }) {
			return nil
		}
		return missing(d, "$order_by", [][]string{run})
	}
	if ok, wanted := q.filter.narrows(d); !ok {
		return missing(d, "$filter", wanted)
	}
	return nil
}

// CountNeedsIndex is NeedsIndex where the rows are only counted, in whatever order.
func (q *Query) CountNeedsIndex() error {
	if q.filter == nil {
		return nil
	}
	return q.NeedsIndex()
}

// run returns the columns that the order begins with as long as they go into the same direction: an index gives those.
func (q *Query) run() (columns []string) {
	for _, o := range q.order {
		if o.Descending != q.order[0].Descending {
			break
		}
		columns = append(columns, o.Column.Name)
	}
	return columns
}

func missing(d *readmodel.Declaration, place string, wanted [][]string) error {
	message := fmt.Sprintf("%s would go through all rows of %s, which are too many.", place, d.Label())
	if len(wanted) == 0 {
		message += " No index helps with this condition: add another one, on " + leading(d) + ", that must hold as well."
		return fault.New(fault.CodeMissingIndex, message, nil)
	}
	message += " Ask by " + leading(d) + ", or declare in a new version of the read model:\n\nindexes:\n"
	for _, columns := range wanted {
		message += "  - columns: [" + strings.Join(columns, ", ") + "]\n"
	}
	return fault.New(fault.CodeMissingIndex, message, nil)
}

// indexes returns the columns of all indexes, that of the primary key first.
func indexes(d *readmodel.Declaration) [][]string {
	all := [][]string{d.PrimaryKey}
	for _, index := range d.Indexes {
		all = append(all, index.Columns)
	}
	return all
}

// leading returns the columns with which indexes begin, for a person.
func leading(d *readmodel.Declaration) string {
	var names []string
	for _, index := range indexes(d) {
		if !slices.Contains(names, index[0]) {
			names = append(names, index[0])
		}
	}
	return strings.Join(names, " or ")
}

// sargable reports whether an index that begins with the column leads to the rows.
func (t test) sargable() bool {
	switch t.operator {
	case "$eq", "$in", "$lt", "$lte", "$gt", "$gte":
		return true
	}
	return false
}

func (t test) narrows(d *readmodel.Declaration) (ok bool, missing [][]string) {
	if !t.sargable() {
		return false, nil
	}
	if slices.ContainsFunc(indexes(d), func(i []string) bool { return i[0] == t.column.Name }) {
		return true, nil
	}
	return false, [][]string{{t.column.Name}}
}

// One of the conditions is enough. Where none has an index, one index for all that are compared by value, and one that is
// compared by order behind them, is the best.
func (c all) narrows(d *readmodel.Declaration) (ok bool, missing [][]string) {
	var equal, ordered []string
	for _, of := range c {
		ok, wanted := of.narrows(d)
		if ok {
			return true, nil
		}
		t, single := of.(test)
		switch {
		case single && len(wanted) > 0 && (t.operator == "$eq" || t.operator == "$in"):
			equal = append(equal, t.column.Name)
		case single && len(wanted) > 0:
			ordered = append(ordered, t.column.Name)
		case missing == nil:
			missing = wanted
		}
	}
	if len(ordered) > 0 {
		equal = append(equal, ordered[0])
	}
	if len(equal) > 0 {
		slices.Sort(equal[:len(equal)-min(len(ordered), 1)])
		return false, [][]string{slices.Compact(equal)}
	}
	return false, missing
}

// Every one of the conditions needs its index.
func (c some) narrows(d *readmodel.Declaration) (ok bool, missing [][]string) {
	ok = true
	for _, of := range c {
		narrow, wanted := of.narrows(d)
		if narrow {
			continue
		}
		ok = false
		if len(wanted) == 0 {
			return false, nil
		}
		missing = append(missing, wanted...)
	}
	return ok, missing
}

func (c not) narrows(*readmodel.Declaration) (ok bool, missing [][]string) { return false, nil }
