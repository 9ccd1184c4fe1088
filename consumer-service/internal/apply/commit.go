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

// copyFrom is how many rows a batch must have to be copied instead of inserted; a COPY needs one round trip more.
const copyFrom = 200

// noCopies is how many batches of a partition are inserted after one that could not be copied.
const noCopies = 50

// commit writes the items in one transaction. Its errors are faults.
//
// A large batch is first tried as a COPY straight into the table, which is several times faster than an INSERT but fails
// if a single row is already there. First delivery is the normal case, so repeats pay for both.
func (a *Applier) commit(ctx context.Context, expected int64, items []item) (Result, error) {
	partition := items[0].partition()
	if len(items) >= copyFrom && a.mayCopy(partition) {
		result, err := a.commitBy(ctx, expected, items, a.copyRows)
		if !postgres.IsUniqueViolation(err) {
			return result, err
		}
		a.copyLater(partition)
	}
	return a.commitBy(ctx, expected, items, a.insertRows)
}

// writing is how rows come into the table; it counts them in the result.
type writing func(ctx context.Context, tx pgx.Tx, rows []item, result *Result) error

func (a *Applier) commitBy(ctx context.Context, expected int64, items []item, write writing) (Result, error) {
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
		if err := a.allowed(ctx, tx, partition, aside); err != nil {
			return err
		}
		if err := write(ctx, tx, rows, &result); err != nil {
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

func (a *Applier) mayCopy(partition kafka.Partition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inserts[partition] == 0 {
		return true
	}
	a.inserts[partition]--
	return false
}

func (a *Applier) copyLater(partition kafka.Partition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inserts[partition] = noCopies
}

// notifySQL wakes those who wait for rows of the version, once the transaction commits.
const notifySQL = `SELECT pg_notify($1, $2)`

func (a *Applier) notification() []any {
	return []any{readmodel.AppliedChannel, a.declaration.Label()}
}

func (a *Applier) notify(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, notifySQL, a.notification()...); err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// insertRows inserts what is not there yet (G3), or newer than what is there, and counts.
func (a *Applier) insertRows(ctx context.Context, tx pgx.Tx, rows []item, result *Result) error {
	if len(rows) == 0 {
		return nil
	}
	if a.declaration.Write == readmodel.Upsert {
		return a.upsertRows(ctx, tx, rows, result)
	}
	columns, partition := a.arrays(rows), rows[0].partition()
	if a.repeating(partition) {
		there, differing, err := a.compare(ctx, tx, columns)
		if err != nil {
			return err
		}
		if there == len(rows) {
			result.AlreadyThere += there
			result.Differing += differing
			return nil
		}
	}
	inserted, err := tx.Exec(ctx, a.insert, columns...)
	if err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	result.Applied = int(inserted.RowsAffected())
	a.repeats(partition, result.Applied == 0)
	return a.repeated(ctx, tx, columns, len(rows), result)
}

// repeated accounts for those of so many rows that were there before result.Applied of them were inserted.
func (a *Applier) repeated(ctx context.Context, db queryer, columns []any, rows int, result *Result) error {
	result.AlreadyThere = rows - result.Applied
	if result.AlreadyThere == 0 || a.comparing == "" {
		return nil
	}
	_, differing, err := a.compare(ctx, db, columns)
	result.Differing = differing
	return err
}

// queryer is a transaction, or a connection with one.
type queryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// compare counts the rows that are there, and those of them that hold another payload.
func (a *Applier) compare(ctx context.Context, db queryer, columns []any) (there, differing int, err error) {
	if err := db.QueryRow(ctx, a.comparing, columns...).Scan(&there, &differing); err != nil {
		return 0, 0, fmt.Errorf("compare repeats: %w", err)
	}
	return there, differing, nil
}

// repeating reports whether all rows of the partition's last batch were there already. Then the next batch is compared
// before anything is inserted: where all of it is there too, as while a topic is replayed over a full table, nothing is
// left to insert, and that spares half of the work.
func (a *Applier) repeating(partition kafka.Partition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.comparing != "" && a.replayed[partition]
}

func (a *Applier) repeats(partition kafka.Partition, all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.replayed[partition] = all
}

// arrays returns the rows as an array for each column.
func (a *Applier) arrays(rows []item) []any {
	columns := make([]any, len(a.columns))
	for i, column := range a.columns {
		values := make([]any, len(rows))
		for j, row := range rows {
			values[j] = row.values[i]
		}
		columns[i] = column.Array(values)
	}
	return columns
}
