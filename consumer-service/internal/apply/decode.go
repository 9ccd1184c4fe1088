package apply

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// decoder turns records into rows of one read model.
type decoder struct {
	columns []readmodel.Column
	paths   []string       // of gjson; "" for columns that do not come from the value
	fields  map[string]int // of the value's own fields that columns come from: one of those columns
	same    []int          // for each column the next one that comes from the same field; -1 where there is none
	key     int            // index of the column that the record's key names; -1 where there is none
}

func newDecoder(d *readmodel.Declaration) *decoder {
	dec := &decoder{columns: d.Columns, paths: make([]string, len(d.Columns)), fields: map[string]int{}, same: make([]int, len(d.Columns)), key: -1}
	for i, c := range d.Columns {
		path := c.Path()
		dec.paths[i] = strings.Join(path, ".")
		dec.same[i] = -1
		if len(path) == 1 {
			if other, taken := dec.fields[path[0]]; taken {
				dec.same[i] = other
			}
			dec.fields[path[0]] = i
		}
		if c.Name == d.Key {
			dec.key = i
		}
	}
	return dec
}

// row returns the record's values in the order of the columns. The error is a fault of kind Unappliable whose message
// holds nothing of the record.
func (d *decoder) row(r kafka.Record) ([]any, error) {
	if r.Value == nil {
		return nil, fault.New(fault.CodeUndecodable, "the value is null, and this read model knows no deletion", nil)
	}
	if !valid(r.Value) {
		return nil, fault.New(fault.CodeUndecodable, "the value is not JSON", nil)
	}
	value := gjson.ParseBytes(r.Value)
	if !value.IsObject() {
		return nil, fault.New(fault.CodeUndecodable, "the value is not a JSON object", nil)
	}
	var few [16]string // most read models have no more columns, and then nothing is allocated
	found := d.found(value, few[:0])
	row := make([]any, len(d.columns))
	for i, column := range d.columns {
		parsed, err := d.column(r, found[i], i)
		if err != nil {
			return nil, err
		}
		if parsed == nil && column.Default != nil {
			if parsed, err = column.ParseText(*column.Default); err != nil {
				return nil, err
			}
		}
		if parsed == nil && !column.Nullable {
			return nil, fault.New(fault.CodeMissingField, fmt.Sprintf("%s is missing", origin(column)), nil)
		}
		row[i] = parsed
	}
	if d.key >= 0 && quoted(found[d.key], r.Key) {
		return row, nil
	}
	return row, d.keyNames(r, row)
}

// quoted reports whether the field is the key between quotes, as it usually is. Where it is not, keyNames compares what both
// stand for.
func quoted(field string, key []byte) bool {
	if len(field) != len(key)+2 || field[0] != '"' || field[1:len(field)-1] != string(key) {
		return false
	}
	for _, c := range key {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// shallow is up to which size a value is checked by gjson, which is several times faster than encoding/json but follows
// nesting as deep as it goes, each level on the stack.
const shallow = 8 << 10

// valid reports whether the value is JSON (RFC 8259).
func valid(value []byte) bool {
	if len(value) <= shallow {
		return gjson.ValidBytes(value)
	}
	return json.Valid(value) // no deeper than 10 000 levels
}

// found appends the source text of each column's field, "" where the value has none. The value's own fields are found in
// one pass; the first one of a name counts, as for gjson's paths.
func (d *decoder) found(value gjson.Result, into []string) []string {
	for range d.columns {
		into = append(into, "")
	}
	value.ForEach(func(name, field gjson.Result) bool {
		i, wanted := d.fields[name.Str]
		if wanted && into[i] == "" {
			for ; i >= 0; i = d.same[i] {
				into[i] = field.Raw
			}
		}
		return true
	})
	for i, path := range d.paths {
		if strings.Contains(path, ".") {
			into[i] = value.Get(path).Raw
		}
	}
	return into
}

// column returns the record's value of one column, nil where it is missing or null. The field is its source text in the
// value, "" where it is missing or the column comes from elsewhere.
func (d *decoder) column(r kafka.Record, field string, i int) (parsed any, err error) {
	column := d.columns[i]
	switch {
	case d.paths[i] != "":
		if field != "" && field != "null" {
			parsed, err = column.ParseJSON(field)
		}
	case column.From == readmodel.FromTimestamp:
		if !keepable(r.Timestamp) {
			return nil, fault.New(fault.CodeImpossibleValue, "the record has no timestamp, or an impossible one", nil)
		}
		return r.Timestamp, nil // G7: the broker's clock, never ours
	case column.From == readmodel.FromKey:
		if r.Key != nil {
			parsed, err = column.ParseText(string(r.Key))
		}
	case column.From == readmodel.FromTopic:
		return r.Position.Topic, nil
	case column.From == readmodel.FromPartition && column.Type == "int8":
		return int64(r.Position.Partition), nil
	case column.From == readmodel.FromPartition:
		return r.Position.Partition, nil
	case column.From == readmodel.FromOffset:
		return r.Position.Offset, nil
	default:
		if text := r.Header(column.Header()); text != nil {
			parsed, err = column.ParseText(string(text))
		}
	}
	if err != nil {
		return nil, fault.New(fault.CodeImpossibleValue, fmt.Sprintf("%s %v", origin(column), err), nil)
	}
	return parsed, nil
}

// keyNames checks that the record's key says the same as the column that it names.
func (d *decoder) keyNames(r kafka.Record, row []any) error {
	if r.Key == nil || d.key < 0 {
		return nil
	}
	named, err := d.columns[d.key].ParseText(string(r.Key))
	if err != nil || readmodel.Canonical(named) != readmodel.Canonical(row[d.key]) {
		return fault.New(fault.CodeKeyMismatch, fmt.Sprintf("the record's key is not its %s", origin(d.columns[d.key])), nil)
	}
	return nil
}

// origin names where a column's value comes from, for messages.
func origin(c readmodel.Column) string { return strings.TrimPrefix(c.From, "$.") }

// keepable reports whether PostgreSQL and RFC 3339 can hold the timestamp; producers may send any number.
func keepable(at time.Time) bool { return !at.IsZero() && at.Year() >= 0 && at.Year() <= 9999 }
