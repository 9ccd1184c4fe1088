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
	key     int      // index of the column that the record's key names
}

func newDecoder(d *readmodel.Declaration) *decoder {
	dec := &decoder{columns: d.Columns, paths: make([]string, len(d.Columns))}
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
		if column.From == readmodel.FromTimestamp {
			if !keepable(r.Timestamp) {
				return nil, fault.New(fault.CodeImpossibleValue, "the record has no timestamp, or an impossible one", nil)
			}
			row[i] = r.Timestamp // G7: the broker's clock, never ours
			continue
		}
		field := value.Get(d.paths[i])
		switch {
		case !field.Exists() || field.Type == gjson.Null:
			return nil, fault.New(fault.CodeMissingField, fmt.Sprintf("%s is missing", d.paths[i]), nil)
		case field.Type != gjson.String:
			return nil, fault.New(fault.CodeImpossibleValue, fmt.Sprintf("%s is not a string", d.paths[i]), nil)
		}
		parsed, err := column.Parse(field.Str)
		if err != nil {
			return nil, fault.New(fault.CodeImpossibleValue, fmt.Sprintf("%s %v", d.paths[i], err), nil)
		}
		row[i] = parsed
	}
	if r.Key != nil {
		named, err := d.columns[d.key].Parse(string(r.Key))
		if err != nil || named != row[d.key] {
			return nil, fault.New(fault.CodeKeyMismatch, fmt.Sprintf("the record's key is not its %s", d.paths[d.key]), nil)
		}
	}
	return row, nil
}

// keepable reports whether PostgreSQL and RFC 3339 can hold the timestamp; producers may send any number.
func keepable(at time.Time) bool { return !at.IsZero() && at.Year() >= 0 && at.Year() <= 9999 }
