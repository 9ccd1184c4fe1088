package apply

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// commit writes the items in one transaction. Its errors are faults.
func (a *Applier) commit(ctx context.Context, expected int64, items []item) (Result, error) {
	first, last := items[0].record.Position, items[len(items)-1].record.Position
	partition := kafka.Partition{Topic: last.Topic, Number: last.Partition}
	result := Result{Next: expected}
	err := pgx.BeginFunc(ctx, a.Pool, func(tx pgx.Tx) error {
		if err := a.Move(ctx, tx, partition, expected, last.Offset+1); err != nil {
			return err
		}
		crash.Here("apply: checkpoint moved")
		rows, aside, err := a.sort(ctx, tx, partition, items)
		if err != nil {
			return err
		}
		if err := a.insertRows(ctx, tx, rows, &result); err != nil {
			return err
		}
		crash.Here("apply: rows inserted")
		if err := a.park(ctx, tx, aside, &result); err != nil {
			return err
		}
		if err := a.notify(ctx, tx); err != nil {
			return err
		}
		crash.Here("apply: before commit")
		return nil
	})
	if err != nil {
		return Result{Next: expected}, fmt.Errorf("apply %s@%d..%d to %s: %w",
			last.Topic, first.Offset, last.Offset, a.declaration.Label(), postgres.Classify(err))
	}
	crash.Here("apply: committed")
	if len(result.Parked) > 0 {
		a.mayHold(partition)
	}
	result.Next = last.Offset + 1
	return result, nil
}

// notify wakes those who wait for rows of the version, once the transaction commits.
func (a *Applier) notify(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, readmodel.AppliedChannel, a.declaration.Label()); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// insertRows inserts what is not there yet (G3) and counts.
func (a *Applier) insertRows(ctx context.Context, tx pgx.Tx, rows []item, result *Result) error {
	if len(rows) == 0 {
		return nil
	}
	columns := make([]any, len(a.declaration.Columns))
	for i, column := range a.declaration.Columns {
		values := make([]any, len(rows))
		for j, row := range rows {
			values[j] = row.values[i]
		}
		columns[i] = column.Array(values)
	}
	inserted, err := tx.Exec(ctx, a.insert, columns...)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	applied := int(inserted.RowsAffected())
	result.Applied += applied
	if applied == len(rows) {
		return nil
	}
	result.AlreadyThere += len(rows) - applied
	var differing int
	if err := tx.QueryRow(ctx, a.differing, columns...).Scan(&differing); err != nil {
		return fmt.Errorf("compare repeats: %w", err)
	}
	result.Differing += differing
	return nil
}
