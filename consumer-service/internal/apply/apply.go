// Package apply turns a batch of records into rows: one transaction holds the rows, the records that were parked, the
// checkpoint that covers both, and the notification of those who wait (G4).
//
// It knows a read model only by its declaration. It neither retries nor waits; delivery does, by the kind of the fault
// that Apply returns.
package apply

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Applier applies records to one version of a read model on behalf of one consumer group.
type Applier struct {
	Ledger
	declaration *readmodel.Declaration
	decoder     *decoder
	columns     []readmodel.Column // that rows are written to
	primary     []int              // indexes of the primary key's columns
	insert      string             // takes an array for each column
	copying     string             // takes the binary form
	comparing   string             // takes the same, returns how many rows are there and how many of those differ
	strict      atomic.Bool        // see allowed
	together    together

	mu       sync.Mutex
	holds    map[kafka.Partition]bool   // partitions that may have parked records; see held
	replayed map[kafka.Partition]bool   // partitions whose last batch was there already; see repeating
	inserts  map[kafka.Partition]int    // how many more batches are inserted rather than copied
	discards map[position.Position]bool // records that shall not apply; replaced whole, never changed
}

// New returns an applier that writes through the pool, whose role must be allowed to.
func New(pool *pgxpool.Pool, d *readmodel.Declaration, group string) *Applier {
	return &Applier{
		Ledger: Ledger{pool, group}, declaration: d, decoder: newDecoder(d),
		columns: stored(d), primary: primary(d), insert: insertSQL(d), copying: copySQL(d), comparing: comparingSQL(d),
		holds: map[kafka.Partition]bool{}, inserts: map[kafka.Partition]int{}, replayed: map[kafka.Partition]bool{}, discards: map[position.Position]bool{},
		together: together{turn: make(chan struct{}, 1)},
	}
}

// Begin makes the partition's checkpoint exist; see Ledger. A group that had none applies all records from there on, and so
// parks anew what it cannot apply: what an earlier group parked there is forgotten, as in an empty database (G7). It may be
// that this group's code can apply it.
func (a *Applier) Begin(ctx context.Context, assigned kafka.Assignment, next int64, anew bool) error {
	return postgres.Classify(pgx.BeginFunc(ctx, a.Pool, func(tx pgx.Tx) error {
		first, err := a.begin(ctx, tx, assigned, next, anew)
		if err == nil && anew {
			err = a.disown(ctx, tx, assigned, next)
		}
		if err != nil || !first {
			return err
		}
		_, err = tx.Exec(ctx, `
			DELETE FROM counterfoil.parked
			WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" >= $5`,
			a.declaration.Name, a.declaration.Version, assigned.Topic, assigned.Number, next)
		if err != nil {
			return fmt.Errorf("forget what was parked in %s/%d: %w", assigned.Topic, assigned.Number, err)
		}
		return nil
	}))
}

// Result says what became of the records of a batch.
type Result struct {
	Next         int64 // the checkpoint after the batch
	Applied      int   // records that became rows, or changed one
	AlreadyThere int   // records whose row an earlier delivery or request had made, or whose key has a newer one (G3)
	Differing    int   // of those, how many hold another payload than the record; the first one stands
	Parked       []Parked
}

func (r *Result) add(more Result) {
	r.Next = more.Next
	r.Applied += more.Applied
	r.AlreadyThere += more.AlreadyThere
	r.Differing += more.Differing
	r.Parked = append(r.Parked, more.Parked...)
}

// item is a record with its row, or with the reason why it has none.
type item struct {
	record kafka.Record
	values []any
	fault  *fault.Error
	state  string // of its row in counterfoil.parked, where it is set aside
}

func (i item) partition() kafka.Partition {
	return kafka.Partition{Topic: i.record.Position.Topic, Number: i.record.Position.Partition}
}

func (a *Applier) item(record kafka.Record) item {
	decode := a.decoder.row
	if a.declaration.Write == readmodel.Upsert {
		decode = a.positioned
	}
	values, err := decode(record)
	if err != nil {
		return item{record: record, fault: fault.Of(err)}
	}
	return item{record: record, values: values}
}

// Apply applies the records, which are of one partition and in order, and moves its checkpoint from expected to behind
// the last of them. A record that cannot apply is parked, later ones of its key wait behind it (G6), and all others are
// applied (G5).
//
// The result says how far Apply came, also when it returns an error: a batch in which PostgreSQL refuses a record is
// halved until that record stands alone, and each half is a transaction of its own. A fault of kind Fenced means that
// the checkpoint was not where it was expected, and that nothing was written (G4).
func (a *Applier) Apply(ctx context.Context, expected int64, records []kafka.Record) (Result, error) {
	items := make([]item, len(records))
	for i, record := range records {
		items[i] = a.item(record)
	}
	if a.meets(items) {
		if result, alone, err := a.join(ctx, expected, items); !alone {
			return result, err
		}
	}
	return a.apply(ctx, expected, items)
}

// apply commits the items together if it can, and in halves where PostgreSQL refuses one of them.
func (a *Applier) apply(ctx context.Context, expected int64, items []item) (Result, error) {
	result, err := a.commit(ctx, expected, items)
	if err == nil || fault.Of(err).Kind().Treatment() != fault.Park {
		return result, err
	}
	if len(items) == 1 {
		items[0].fault = fault.Of(err)
		return a.commit(ctx, expected, items)
	}
	half := len(items) / 2
	result, err = a.apply(ctx, expected, items[:half])
	if err != nil {
		return result, err
	}
	rest, err := a.apply(ctx, result.Next, items[half:])
	result.add(rest)
	return result, err
}
