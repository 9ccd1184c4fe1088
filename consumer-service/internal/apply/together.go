package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// together is where small batches of several partitions meet. One transaction is under way at a time, and all that came
// meanwhile are the next one: what a small batch costs is its transaction, its flush and its notification, and notifications
// make transactions wait for each other anyhow. Nobody waits for others to come.
type together struct {
	turn chan struct{} // holds a token while a transaction is under way

	mu      sync.Mutex
	waiting []*part
}

// part is a batch of one partition, all of whose records are to become rows.
type part struct {
	partition kafka.Partition
	expected  int64
	rows      []item
	result    Result
	err       error
	done      chan struct{}
}

func (p *part) next() int64 { return p.rows[len(p.rows)-1].record.Position.Offset + 1 }

// meets reports whether the items can be committed with others: there are few, none has to be set aside, and the order in
// which rows are written does not matter.
func (a *Applier) meets(items []item) bool {
	if len(items) >= copyFrom || a.declaration.Write == readmodel.Upsert {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.holds[items[0].partition()] && !slices.ContainsFunc(items, func(it item) bool {
		return it.fault != nil || a.discards[it.record.Position]
	})
}

// join commits the items with those of other partitions. What keeps the transaction from being committed may be the matter
// of one of them only, so then each is on its own (alone), unless PostgreSQL is away for all of them.
func (a *Applier) join(ctx context.Context, expected int64, items []item) (result Result, alone bool, err error) {
	p := &part{partition: items[0].partition(), expected: expected, rows: items, done: make(chan struct{})}
	t := &a.together
	t.mu.Lock()
	t.waiting = append(t.waiting, p)
	t.mu.Unlock()
	select {
	case t.turn <- struct{}{}:
		a.takeTurn(ctx)
		<-t.turn
	case <-p.done:
	}
	<-p.done // by this turn, or by one before that took the part along
	if p.err == nil {
		return p.result, false, nil
	}
	alone = errors.Is(p.err, errNotMoved) || postgres.IsLocked(p.err) || fault.Of(p.err).Kind().Treatment() != fault.Wait
	return Result{Next: expected}, alone, p.err
}

// takeTurn commits all parts that wait.
func (a *Applier) takeTurn(ctx context.Context) {
	a.together.mu.Lock()
	parts := a.together.waiting
	a.together.waiting = nil
	a.together.mu.Unlock()
	if len(parts) == 0 {
		return
	}
	err := a.commitParts(ctx, parts)
	for _, p := range parts {
		p.err = err
		close(p.done)
	}
}

// errNotMoved says that a checkpoint of several could not be moved; why, its part finds out alone.
var errNotMoved = errors.New("a checkpoint is not where it was expected, or held")

// lockLimit is how long a turn waits for a lock, also where it is of one part: others come meanwhile. Who has the checkpoint
// of one partition holds up only that one, and who locks several checkpoints, in whatever order, has them in the end.
const lockLimit = "100ms"

// commitParts writes the parts in one transaction: all of it is there, or nothing (G4). What is between BEGIN and COMMIT is
// sent together, and takes one round trip.
func (a *Applier) commitParts(ctx context.Context, parts []*part) error {
	slices.SortFunc(parts, func(a, b *part) int { return comparePartitions(a.partition, b.partition) })
	err := a.Pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) (err error) {
		defer func() {
			if err != nil {
				_, _ = conn.Exec(ctx, "ROLLBACK") // the pool closes a connection that is left in a transaction
			}
		}()
		var statements pgx.Batch
		statements.Queue("BEGIN")
		statements.Queue(`SET LOCAL lock_timeout = '` + lockLimit + `'`)
		for _, p := range parts {
			statements.Queue(moveSQL, a.moving(p.partition, p.expected, p.next())...).Exec(func(moved pgconn.CommandTag) error {
				if moved.RowsAffected() != 1 {
					return errNotMoved
				}
				return nil
			})
		}
		columns := make([][]any, len(parts))
		for i, p := range parts {
			columns[i] = a.arrays(p.rows)
			statements.Queue(a.insert, columns[i]...).Exec(func(inserted pgconn.CommandTag) error {
				p.result = Result{Next: p.next(), Applied: int(inserted.RowsAffected())}
				return nil
			})
		}
		statements.Queue(notifySQL, a.notification()...)
		if err := conn.SendBatch(ctx, &statements).Close(); err != nil {
			return err
		}
		crash.Here("apply: checkpoint moved")
		crash.Here("apply: rows inserted")
		for i, p := range parts {
			if err := a.repeated(ctx, conn, columns[i], len(p.rows), &p.result); err != nil {
				return err
			}
		}
		crash.Here("apply: before commit")
		done, err := conn.Exec(ctx, "COMMIT")
		if err == nil && done.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback // what PostgreSQL says of a transaction that failed before
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("apply %d batches together to %s: %w", len(parts), a.declaration.Label(), postgres.Classify(err))
	}
	crash.Here("apply: committed")
	return nil
}

func comparePartitions(a, b kafka.Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
}
