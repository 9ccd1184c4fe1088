package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// stored returns the columns that rows are written to. Rows that can change are kept with their positions, and those that
// were deleted have nothing but their key.
func stored(d *readmodel.Declaration) []readmodel.Column {
	if d.Write != readmodel.Upsert {
		return d.Columns
	}
	columns := slices.Clone(d.Columns)
	for i := range columns {
		columns[i].Nullable = columns[i].Nullable || d.OnNull == readmodel.Delete && !slices.Contains(d.PrimaryKey, columns[i].Name)
	}
	return append(columns,
		readmodel.Column{Name: readmodel.RowSource, Type: "int4"}, readmodel.Column{Name: readmodel.RowPartition, Type: "int4"},
		readmodel.Column{Name: readmodel.RowOffset, Type: "int8"}, readmodel.Column{Name: readmodel.RowTime, Type: "timestamptz"},
		readmodel.Column{Name: readmodel.RowDeleted, Type: "bool"})
}

// source returns which of the declaration's sources a topic is; -1 where it is none of them any more.
func (a *Applier) source(topic string) int32 {
	return int32(slices.IndexFunc(a.declaration.Sources, func(s readmodel.Source) bool { return s.Topic == topic }))
}

// positioned returns the values of a row that can change, with its position.
func (a *Applier) positioned(r kafka.Record) ([]any, error) {
	if !keepable(r.Timestamp) {
		return nil, fault.New(fault.CodeImpossibleValue, "the record has no timestamp, or an impossible one", nil)
	}
	decode, deleted := a.decoder.row, r.Value == nil && a.declaration.OnNull == readmodel.Delete
	if deleted {
		decode = a.decoder.deletion
	}
	row, err := decode(r)
	if err != nil {
		return nil, err
	}
	return append(row, a.source(r.Position.Topic), r.Position.Partition, r.Position.Offset, r.Timestamp, deleted), nil
}

// deletion returns the row of a record without a value: the key names the row, and there is nothing else.
func (d *decoder) deletion(r kafka.Record) ([]any, error) {
	row := make([]any, len(d.columns))
	if r.Key == nil {
		return nil, fault.New(fault.CodeMissingField, "the record has neither a key nor a value", nil)
	}
	key, err := d.columns[d.key].ParseText(string(r.Key))
	if err != nil {
		return nil, fault.New(fault.CodeImpossibleValue, fmt.Sprintf("the key %v", err), nil)
	}
	row[d.key] = key
	return row, nil
}

// upsertSQL returns the statement that writes rows given as an array for each column, one row for each key. What is newer
// stays, in whatever order and however often records are applied (G3): within a partition the offset says what is newer,
// between two the broker's time does, then the order of the sources, then the partition.
func upsertSQL(d *readmodel.Declaration) string {
	var set []string
	for _, c := range stored(d) {
		if !slices.Contains(d.PrimaryKey, c.Name) {
			set = append(set, fmt.Sprintf("%[1]s = excluded.%[1]s", postgres.Identifier(c.Name)))
		}
	}
	return fmt.Sprintf(`
		INSERT INTO %s AS kept (%s) SELECT * FROM %s
		ON CONFLICT (%s) DO UPDATE SET %s
		WHERE CASE WHEN (kept._source, kept._partition) = (excluded._source, excluded._partition) THEN kept._offset < excluded._offset
			ELSE (kept._time, kept._source, kept._partition) < (excluded._time, excluded._source, excluded._partition) END`,
		table(d), names("", columnNames(d)), unnest(d), names("", d.PrimaryKey), strings.Join(set, ", "))
}

// newest returns the last row of each key, in the order of the keys: a statement cannot write a row twice, and whoever
// else writes the same rows locks them in the same order.
func (a *Applier) newest(rows []item) []item {
	last := make(map[string]item, len(rows))
	for _, row := range rows {
		last[a.key(row.values)] = row
	}
	keys := make([]string, 0, len(last))
	for key := range last {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	reduced := make([]item, len(keys))
	for i, key := range keys {
		reduced[i] = last[key]
	}
	return reduced
}

// key returns a text that is the same for equal primary keys only.
func (a *Applier) key(values []any) string {
	key := make([]any, len(a.primary))
	for i, column := range a.primary {
		key[i] = values[column]
	}
	return readmodel.Canonical(key...)
}

// upsertRows writes rows that can change and counts: what is newer there already counts as such.
func (a *Applier) upsertRows(ctx context.Context, tx pgx.Tx, rows []item, result *Result) error {
	reduced := a.newest(rows)
	written, err := tx.Exec(ctx, a.insert, a.arrays(reduced)...)
	if err != nil {
		return fmt.Errorf("upsert: %w", err)
	}
	older := len(reduced) - int(written.RowsAffected())
	result.Applied += len(rows) - older
	result.AlreadyThere += older
	return nil
}

// disown makes rows that come from further in the partition than it goes on older than whatever comes: a partition begins
// anew there after its history was lost, and its offsets say other things than before.
func (a *Applier) disown(ctx context.Context, tx pgx.Tx, assigned kafka.Assignment, next int64) error {
	if a.declaration.Write != readmodel.Upsert {
		return nil
	}
	// The whole table is looked through, which may take long, once for a decision of somebody's.
	if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0`); err != nil {
		return fmt.Errorf("lift the limit of statements: %w", err)
	}
	_, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE %s SET _offset = $3 - 1 WHERE _source = $1 AND _partition = $2 AND _offset >= $3`, table(a.declaration)),
		a.source(assigned.Topic), assigned.Number, next)
	if err != nil {
		return fmt.Errorf("disown what %s/%d held before: %w", assigned.Topic, assigned.Number, err)
	}
	return nil
}

// primary returns the indexes of the primary key's columns.
func primary(d *readmodel.Declaration) []int {
	indexes := make([]int, len(d.PrimaryKey))
	for i, name := range d.PrimaryKey {
		indexes[i] = slices.IndexFunc(d.Columns, func(c readmodel.Column) bool { return c.Name == name })
	}
	return indexes
}
