package apply

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// commit writes the items in one transaction. Its errors are faults.
func (a *Applier) commit(ctx context.Context, expected int64, items []item) (Result, error) {
	last := items[len(items)-1].record.Position
	result := Result{Next: expected}
	err := pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		// G4: the checkpoint moves first, from where this consumer believes it to be. A consumer that lost its
		// partition waits here for the new owner's commit, finds another checkpoint, and writes nothing.
		moved, err := tx.Exec(ctx, `
			UPDATE counterfoil.checkpoints SET next_offset = $5, changed_at = now()
			WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $4`,
			a.group, last.Topic, last.Partition, expected, last.Offset+1)
		if err != nil {
			return fmt.Errorf("move the checkpoint: %w", err)
		}
		if moved.RowsAffected() != 1 {
			return fault.New(fault.CodeFenced, fmt.Sprintf("the checkpoint of %s/%d is not %d", last.Topic, last.Partition, expected), nil)
		}
		if err := a.insertRows(ctx, tx, items, &result); err != nil {
			return err
		}
		if err := a.park(ctx, tx, items, &result); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, readmodel.AppliedChannel, a.declaration.Label()); err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		return nil
	})
	if err != nil {
		return Result{Next: expected}, fmt.Errorf("apply %s@%d..%d: %w",
			a.declaration.Label(), items[0].record.Position.Offset, last.Offset, postgres.Classify(err))
	}
	result.Next = last.Offset + 1
	return result, nil
}

// insertRows inserts what is not there yet (G3) and counts.
func (a *Applier) insertRows(ctx context.Context, tx pgx.Tx, items []item, result *Result) error {
	columns := make([]any, len(a.declaration.Columns))
	count := 0
	for i, column := range a.declaration.Columns {
		values := make([]any, 0, len(items))
		for _, it := range items {
			if it.fault == nil {
				values = append(values, it.values[i])
			}
		}
		columns[i], count = column.Array(values), len(values)
	}
	if count == 0 {
		return nil
	}
	inserted, err := tx.Exec(ctx, a.insert, columns...)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	result.Applied = int(inserted.RowsAffected())
	result.AlreadyThere = count - result.Applied
	if result.AlreadyThere == 0 {
		return nil
	}
	if err := tx.QueryRow(ctx, a.differing, columns...).Scan(&result.Differing); err != nil {
		return fmt.Errorf("compare repeats: %w", err)
	}
	return nil
}

// insertSQL returns the statement that inserts rows given as an array for each column; the first row of a key wins.
func insertSQL(d *readmodel.Declaration) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT * FROM %s ON CONFLICT DO NOTHING`,
		table(d), names("", columnNames(d)), unnest(d))
}

// differingSQL returns the query that counts rows whose payload, which is what comes from the record's value, is not that
// of the array's row with the same primary key.
func differingSQL(d *readmodel.Declaration) string {
	var payload []string
	for _, c := range d.Columns {
		if c.Path() != nil {
			payload = append(payload, c.Name)
		}
	}
	return fmt.Sprintf(`SELECT count(*) FROM %s AS given (%s) JOIN %s AS kept USING (%s) WHERE (%s) IS DISTINCT FROM (%s)`,
		unnest(d), names("", columnNames(d)), table(d), names("", d.PrimaryKey), names("given.", payload), names("kept.", payload))
}

func table(d *readmodel.Declaration) string { return postgres.Identifier(d.Schema(), d.Table) }

func columnNames(d *readmodel.Declaration) []string {
	all := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		all[i] = c.Name
	}
	return all
}

func unnest(d *readmodel.Declaration) string {
	arrays := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, c.Type)
	}
	return "unnest(" + strings.Join(arrays, ", ") + ")"
}

func names(prefix string, columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = prefix + postgres.Identifier(c)
	}
	return strings.Join(quoted, ", ")
}

// Checkpoint returns where the group is in the partition.
func (a *Applier) Checkpoint(ctx context.Context, partition kafka.Partition) (next int64, ok bool, err error) {
	checkpoints, err := a.Checkpoints(ctx)
	if err != nil {
		return 0, false, err
	}
	checkpoint, ok := checkpoints[partition]
	return checkpoint.Next, ok, nil
}

// Checkpoints returns where the group is in all of its partitions.
func (a *Applier) Checkpoints(ctx context.Context) (map[kafka.Partition]readmodel.Checkpoint, error) {
	all, err := readmodel.Checkpoints(ctx, a.pool, a.group)
	if err != nil {
		return nil, postgres.Classify(fmt.Errorf("read the checkpoints of %s: %w", a.group, err))
	}
	byPartition := make(map[kafka.Partition]readmodel.Checkpoint, len(all))
	for _, c := range all {
		byPartition[kafka.Partition{Topic: c.Topic, Number: c.Partition}] = c
	}
	return byPartition, nil
}

// Begin makes the partition's checkpoint exist at its first offset, and says which topic it belongs to. It does not move
// a checkpoint that exists.
func (a *Applier) Begin(ctx context.Context, assigned kafka.Assignment) error {
	var id any
	if assigned.TopicID != [16]byte{} {
		id = assigned.TopicID
	}
	_, err := a.pool.Exec(ctx, `
		INSERT INTO counterfoil.checkpoints AS c (group_id, topic, partition, next_offset, topic_id)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (group_id, topic, partition) DO UPDATE SET topic_id = excluded.topic_id
			WHERE c.topic_id IS NULL AND excluded.topic_id IS NOT NULL`,
		a.group, assigned.Topic, assigned.Number, assigned.First, id)
	if err != nil {
		return postgres.Classify(fmt.Errorf("begin %s/%d: %w", assigned.Topic, assigned.Number, err))
	}
	return nil
}
