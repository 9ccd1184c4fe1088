package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Label returns the name of the version that the applier writes, such as timestamp/v1.
func (a *Applier) Label() string { return a.declaration.Label() }

// pageOfWaiting is how many records one transaction lets go that waited behind a parked one.
const pageOfWaiting = 100

// Decided is how far a decision was carried out.
type Decided struct {
	Effect   string // in a few words; "" where More
	Released int    // how many records that waited behind the decided one went on with this page
	More     bool   // others wait still: Decide has to be called again, in a transaction of its own
}

// Decide carries out a decision about a parked record within the caller's transaction, or one page of it. Where the record
// is not parked, it has nothing to do: a discarded one is recognised when it comes.
//
// When the record is out of the way, those of its key that waited behind it are applied in order, up to the next one that
// cannot apply (G6). The record itself stays parked until the last page: so later ones of its key go on to wait, and who
// begins the decision again after a crash finds it, and behind it those that are left.
func (a *Applier) Decide(ctx context.Context, tx pgx.Tx, d decision.Decision) (Decided, error) {
	partition := kafka.Partition{Topic: d.Position.Topic, Number: d.Position.Partition}
	next, err := a.Lock(ctx, tx, partition)
	if err != nil {
		return Decided{}, err
	}
	// One that waits cannot be decided about: the one before it comes first.
	head, err := a.aside(ctx, tx, d.Position, stateParked)
	// What an earlier group parked, and this one did not come to yet, is not this one's to decide about.
	if errors.Is(err, pgx.ErrNoRows) || err == nil && d.Position.Offset >= next {
		return Decided{Effect: "the record is not parked"}, nil
	}
	if err != nil {
		return Decided{}, fmt.Errorf("read the parked record %s: %w", d.Position, err)
	}
	result, err := a.decide(ctx, tx, d.Verb, head)
	if err != nil {
		return Decided{}, err
	}
	return result, a.notify(ctx, tx)
}

func (a *Applier) decide(ctx context.Context, tx pgx.Tx, verb decision.Verb, head kafka.Record) (Decided, error) {
	if verb == decision.Retry {
		if applied, err := a.retry(ctx, tx, head); err != nil || !applied {
			return Decided{Effect: "it still cannot apply"}, err
		}
	}
	result, err := a.release(ctx, tx, head)
	if err != nil || result.More {
		return result, err
	}
	if verb == decision.Retry {
		result.Effect = "applied"
		return result, a.unpark(ctx, tx, head)
	}
	result.Effect = "discarded"
	return result, a.mark(ctx, tx, head, stateDiscarded, nil)
}

// release lets a page of the records go on that wait behind the head, in order, until one cannot apply.
func (a *Applier) release(ctx context.Context, tx pgx.Tx, head kafka.Record) (Decided, error) {
	waiting, err := a.waitingBehind(ctx, tx, head)
	if err != nil {
		return Decided{}, err
	}
	for i, offset := range waiting {
		if on, err := a.letGo(ctx, tx, head.Position, offset); err != nil || !on {
			return Decided{Released: i}, err
		}
	}
	return Decided{Released: len(waiting), More: len(waiting) == pageOfWaiting}, nil
}

// letGo applies the waiting record at the offset, unless it was discarded. It reports false when the record cannot apply;
// then it is the one that others of its key wait for.
func (a *Applier) letGo(ctx context.Context, tx pgx.Tx, at position.Position, offset int64) (bool, error) {
	at.Offset = offset
	record, err := a.aside(ctx, tx, at, stateWaiting)
	if err != nil {
		return false, fmt.Errorf("read the waiting record %s: %w", at, err)
	}
	discarded, err := a.wasDiscarded(ctx, tx, at)
	if err != nil {
		return false, err
	}
	if discarded {
		return true, a.mark(ctx, tx, record, stateDiscarded, nil)
	}
	applied, err := a.retry(ctx, tx, record)
	if err != nil || !applied {
		return false, err
	}
	return true, a.unpark(ctx, tx, record)
}

// retry applies a record that was set aside; its row in counterfoil.parked stays. It reports false when the record still
// cannot apply; then that row says why.
func (a *Applier) retry(ctx context.Context, tx pgx.Tx, record kafka.Record) (bool, error) {
	it := a.item(record)
	if it.fault == nil {
		var result Result
		err := postgres.Classify(pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			return a.insertRows(ctx, savepoint, []item{it}, &result)
		}))
		if !fault.Is(err, fault.Unappliable) {
			return err == nil, err
		}
		it.fault = fault.Of(err)
	}
	return false, a.mark(ctx, tx, record, stateParked, it.fault)
}

func (a *Applier) wasDiscarded(ctx context.Context, tx pgx.Tx, at position.Position) (decided bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM counterfoil.decisions
			WHERE decision = 'discard' AND read_model = $1 AND topic = $2 AND partition = $3 AND "offset" = $4)`,
		a.declaration.Name, at.Topic, at.Partition, at.Offset).Scan(&decided)
	if err != nil {
		return false, fmt.Errorf("look for decisions about %s: %w", at, err)
	}
	return decided, nil
}

func (a *Applier) unpark(ctx context.Context, tx pgx.Tx, r kafka.Record) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM counterfoil.parked
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" = $5`,
		a.declaration.Name, a.declaration.Version, r.Position.Topic, r.Position.Partition, r.Position.Offset)
	if err != nil {
		return fmt.Errorf("unpark %s: %w", r.Position, err)
	}
	return nil
}

// mark changes the state of a record that was set aside; a fault counts as one more attempt.
func (a *Applier) mark(ctx context.Context, tx pgx.Tx, r kafka.Record, state string, why *fault.Error) error {
	var class, code, reason *string
	if why != nil {
		class, code, reason = new(string(why.Code.Class())), new(string(why.Code)), &why.Message
	}
	_, err := tx.Exec(ctx, `
		UPDATE counterfoil.parked SET state = $6,
			class = coalesce($7, class), code = coalesce($8, code), reason = coalesce($9, reason),
			attempts = attempts + CASE WHEN $8 IS NULL THEN 0 ELSE 1 END,
			last_attempt_at = CASE WHEN $8 IS NULL THEN last_attempt_at ELSE now() END
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" = $5`,
		a.declaration.Name, a.declaration.Version, r.Position.Topic, r.Position.Partition, r.Position.Offset, state, class, code, reason)
	if err != nil {
		return fmt.Errorf("mark %s as %s: %w", r.Position, state, err)
	}
	return nil
}

// aside returns the record at the position that is set aside in that state, or pgx.ErrNoRows.
func (a *Applier) aside(ctx context.Context, tx pgx.Tx, at position.Position, state string) (kafka.Record, error) {
	rows, err := tx.Query(ctx, `
		SELECT record_time, key, headers, value FROM counterfoil.parked
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" = $5 AND state = $6`,
		a.declaration.Name, a.declaration.Version, at.Topic, at.Partition, at.Offset, state)
	if err != nil {
		return kafka.Record{}, err
	}
	return pgx.CollectExactlyOneRow(rows, asRecord(at))
}

// waitingBehind returns the offsets of the first records that wait behind the head, in order. Their bytes are read one by
// one: a page of large ones would not fit into memory.
func (a *Applier) waitingBehind(ctx context.Context, tx pgx.Tx, head kafka.Record) ([]int64, error) {
	if head.Key == nil {
		return nil, nil
	}
	waiting, err := collect(ctx, tx, pgx.RowTo[int64], `
		SELECT "offset" FROM counterfoil.parked
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4
			AND sha256(key) = sha256($6) AND "offset" > $5 AND state = 'waiting'
		ORDER BY "offset" LIMIT $7`,
		a.declaration.Name, a.declaration.Version, head.Position.Topic, head.Position.Partition, head.Position.Offset, head.Key, pageOfWaiting)
	if err != nil {
		return nil, fmt.Errorf("read what waits behind %s: %w", head.Position, err)
	}
	return waiting, nil
}

// asRecord reads a row of aside as the record that it was.
func asRecord(at position.Position) pgx.RowToFunc[kafka.Record] {
	return func(row pgx.CollectableRow) (kafka.Record, error) {
		r := kafka.Record{Position: at}
		var written *time.Time
		var headers []byte
		if err := row.Scan(&written, &r.Key, &headers, &r.Value); err != nil {
			return r, err
		}
		if written != nil {
			r.Timestamp = written.UTC()
		}
		var list []header
		if err := json.Unmarshal(headers, &list); err != nil {
			return r, err
		}
		for _, h := range list {
			r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		return r, nil
	}
}
