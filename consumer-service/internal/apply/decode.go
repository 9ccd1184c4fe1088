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
	paths   []string // of gjson; "" for columns that do not come from the value
	key     int      // index of the column that the record's key names; -1 where there is none
}

func newDecoder(d *readmodel.Declaration) *decoder {
	dec := &decoder{columns: d.Columns, paths: make([]string, len(d.Columns)), key: -1}
	for i, c := range d.Columns {
		dec.paths[i] = strings.Join(c.Path(), ".")
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
	// json.Valid bounds the depth of nesting, which gjson does not.
	if !json.Valid(r.Value) {
		return nil, fault.New(fault.CodeUndecodable, "the value is not JSON", nil)
	}
	value := gjson.ParseBytes(r.Value)
	if !value.IsObject() {
		return nil, fault.New(fault.CodeUndecodable, "the value is not a JSON object", nil)
	}
	row := make([]any, len(d.columns))
	for i, column := range d.columns {
		parsed, err := d.column(r, value, i)
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
	return row, d.keyNames(r, row)
}

// column returns the record's value of one column, nil where it is missing or null.
func (d *decoder) column(r kafka.Record, value gjson.Result, i int) (parsed any, err error) {
	column := d.columns[i]
	switch {
	case d.paths[i] != "":
		if field := value.Get(d.paths[i]); field.Exists() && field.Type != gjson.Null {
			parsed, err = column.ParseJSON(field.Raw)
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
	if err != nil || canonical(named) != canonical(row[d.key]) {
		return fault.New(fault.CodeKeyMismatch, fmt.Sprintf("the record's key is not its %s", origin(d.columns[d.key])), nil)
	}
	return nil
}

// origin names where a column's value comes from, for messages.
func origin(c readmodel.Column) string { return strings.TrimPrefix(c.From, "$.") }

// keepable reports whether PostgreSQL and RFC 3339 can hold the timestamp; producers may send any number.
func keepable(at time.Time) bool { return !at.IsZero() && at.Year() >= 0 && at.Year() <= 9999 }
