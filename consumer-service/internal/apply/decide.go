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

// ReadModel returns the name of the read model that the applier writes.
func (a *Applier) ReadModel() string { return a.declaration.Name }

// Decide carries out a decision about a parked record within the caller's transaction, and returns in a few words what it
// came to. Where the record is not parked, it has nothing to do: a discarded one is recognised when it comes.
//
// When the record is out of the way, those of its key that waited behind it are applied in order, up to the next one that
// cannot apply (G6).
func (a *Applier) Decide(ctx context.Context, tx pgx.Tx, d decision.Decision) (effect string, err error) {
	partition := kafka.Partition{Topic: d.Position.Topic, Number: d.Position.Partition}
	if err := a.Lock(ctx, tx, partition); err != nil {
		return "", err
	}
	head, err := a.parked(ctx, tx, d.Position)
	if errors.Is(err, pgx.ErrNoRows) {
		return "the record is not parked", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the parked record %s: %w", d.Position, err)
	}
	switch d.Verb {
	case decision.Discard:
		if err := a.mark(ctx, tx, head, stateDiscarded, nil); err != nil {
			return "", err
		}
		effect = "discarded"
	case decision.Retry:
		applied, err := a.retry(ctx, tx, head)
		if err != nil {
			return "", err
		}
		if !applied {
			return "it still cannot apply", a.notify(ctx, tx)
		}
		effect = "applied"
	default:
		return "", fmt.Errorf("decision %s is not about a parked record", d.Verb)
	}
	released, err := a.release(ctx, tx, head)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %d that waited behind it went on", effect, released), a.notify(ctx, tx)
}

// release applies the records that waited behind the head, in order, until one cannot apply. It returns how many applied.
func (a *Applier) release(ctx context.Context, tx pgx.Tx, head kafka.Record) (int, error) {
	waiting, err := a.waitingBehind(ctx, tx, head)
	if err != nil {
		return 0, err
	}
	for i, record := range waiting {
		applied, err := a.retry(ctx, tx, record)
		if err != nil || !applied {
			return i, err
		}
	}
	return len(waiting), nil
}

// retry applies one record that was set aside, unless it was discarded. It reports false when the record still cannot
// apply; then its row says why, and it is the one that others of its key wait for.
func (a *Applier) retry(ctx context.Context, tx pgx.Tx, record kafka.Record) (bool, error) {
	discarded, err := a.wasDiscarded(ctx, tx, record.Position)
	if err != nil {
		return false, err
	}
	if discarded {
		return true, a.mark(ctx, tx, record, stateDiscarded, nil)
	}
	it := a.item(record)
	if it.fault == nil {
		var result Result
		err := postgres.Classify(pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
			return a.insertRows(ctx, savepoint, []item{it}, &result)
		}))
		if err != nil && !fault.Is(err, fault.Unappliable) {
			return false, err
		}
		if err == nil {
			return true, a.unpark(ctx, tx, record)
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
	var code, reason *string
	if why != nil {
		code, reason = (*string)(&why.Code), &why.Message
	}
	_, err := tx.Exec(ctx, `
		UPDATE counterfoil.parked SET state = $6, code = coalesce($7, code), reason = coalesce($8, reason),
			attempts = attempts + CASE WHEN $7 IS NULL THEN 0 ELSE 1 END,
			last_attempt_at = CASE WHEN $7 IS NULL THEN last_attempt_at ELSE now() END
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" = $5`,
		a.declaration.Name, a.declaration.Version, r.Position.Topic, r.Position.Partition, r.Position.Offset, state, code, reason)
	if err != nil {
		return fmt.Errorf("mark %s as %s: %w", r.Position, state, err)
	}
	return nil
}

const selectParked = `
	SELECT "offset", record_time, key, headers, value FROM counterfoil.parked
	WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND `

// parked returns the parked record at the position. One that waits cannot be decided about: the one before it comes first.
func (a *Applier) parked(ctx context.Context, tx pgx.Tx, at position.Position) (kafka.Record, error) {
	rows, err := tx.Query(ctx, selectParked+`"offset" = $5 AND state = 'parked'`,
		a.declaration.Name, a.declaration.Version, at.Topic, at.Partition, at.Offset)
	if err != nil {
		return kafka.Record{}, err
	}
	return pgx.CollectExactlyOneRow(rows, asRecord(at))
}

// waitingBehind returns the records that wait behind the head, in order, up to the next one of its key that is parked.
func (a *Applier) waitingBehind(ctx context.Context, tx pgx.Tx, head kafka.Record) ([]kafka.Record, error) {
	if head.Key == nil {
		return nil, nil
	}
	at := head.Position
	rows, err := tx.Query(ctx, selectParked+`sha256(key) = sha256($6) AND "offset" > $5 AND state = 'waiting' ORDER BY "offset"`,
		a.declaration.Name, a.declaration.Version, at.Topic, at.Partition, at.Offset, head.Key)
	if err != nil {
		return nil, fmt.Errorf("read what waits behind %s: %w", at, err)
	}
	waiting, err := pgx.CollectRows(rows, asRecord(at))
	if err != nil {
		return nil, fmt.Errorf("read what waits behind %s: %w", at, err)
	}
	return waiting, nil
}

// asRecord reads a row of selectParked as the record that it was.
func asRecord(of position.Position) pgx.RowToFunc[kafka.Record] {
	return func(row pgx.CollectableRow) (kafka.Record, error) {
		r := kafka.Record{Position: of}
		var at *time.Time
		var headers []byte
		if err := row.Scan(&r.Position.Offset, &at, &r.Key, &headers, &r.Value); err != nil {
			return r, err
		}
		if at != nil {
			r.Timestamp = at.UTC()
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
