package apply

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Ledger holds the checkpoints of a consumer group: how far each partition was applied.
type Ledger struct {
	Pool  *pgxpool.Pool
	Group string
}

// Move moves the partition's checkpoint, as the first step of the transaction that applies the records between. A
// checkpoint that is not where this consumer believes it to be is a fault of kind Fenced, and the transaction must end
// without effect (G4): a consumer that lost its partition waits here for the new owner's commit, and then learns of it. One
// that is held before next is a fault that HeldAt knows.
func (l Ledger) Move(ctx context.Context, tx pgx.Tx, partition kafka.Partition, expected, next int64) error {
	moved, err := tx.Exec(ctx, moveSQL, l.moving(partition, expected, next)...)
	if err != nil {
		return fmt.Errorf("move the checkpoint: %w", err)
	}
	if moved.RowsAffected() != 1 {
		return l.refused(ctx, tx, partition, expected)
	}
	return nil
}

// moveSQL moves a checkpoint from where it is expected, unless it is held before the new place.
const moveSQL = `
	UPDATE counterfoil.checkpoints SET next_offset = $5, changed_at = now()
	WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
		AND (hold_at IS NULL OR $5 <= hold_at OR hold_until IS NULL OR hold_until <= now())`

func (l Ledger) moving(partition kafka.Partition, expected, next int64) []any {
	return []any{l.Group, partition.Topic, partition.Number, expected, next}
}

// refused tells why the checkpoint cannot be moved from where it is expected.
func (l Ledger) refused(ctx context.Context, tx pgx.Tx, partition kafka.Partition, expected int64) error {
	var at *int64
	err := tx.QueryRow(ctx, `
		SELECT hold_at FROM counterfoil.checkpoints WHERE group_id = $1 AND topic = $2 AND partition = $3 AND next_offset = $4`,
		l.Group, partition.Topic, partition.Number, expected).Scan(&at)
	place := fmt.Sprintf("the checkpoint of %s/%d", partition.Topic, partition.Number)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return fault.New(fault.CodeFenced, fmt.Sprintf("%s is not %d", place, expected), nil)
	case err != nil:
		return fmt.Errorf("look at the checkpoint: %w", err)
	case at == nil: // the hold ended between the two looks
		at = new(int64(math.MaxInt64))
	}
	return fault.New(fault.CodeHeld, place+" is held", held{*at})
}

// held is the cause of a fault about a checkpoint that does not move further for a while.
type held struct{ at int64 }

func (h held) Error() string { return fmt.Sprintf("it does not move past %d", h.at) }

// HeldAt reports whether the error says that the checkpoint is held, and past which offset it does not move meanwhile. A
// later try may find the hold ended.
func HeldAt(err error) (at int64, ok bool) {
	h, ok := errors.AsType[held](err)
	return h.at, ok
}

// Lock holds the partition's checkpoint for the transaction, so that no batch of the partition commits meanwhile, and
// returns it; 0 where there is none.
func (l Ledger) Lock(ctx context.Context, tx pgx.Tx, partition kafka.Partition) (next int64, err error) {
	err = tx.QueryRow(ctx, `
		SELECT next_offset FROM counterfoil.checkpoints WHERE group_id = $1 AND topic = $2 AND partition = $3 FOR UPDATE`,
		l.Group, partition.Topic, partition.Number).Scan(&next)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("lock the checkpoint: %w", err)
	}
	return next, nil
}

// Checkpoints returns the group's checkpoints.
func (l Ledger) Checkpoints(ctx context.Context) (map[kafka.Partition]readmodel.Checkpoint, error) {
	all, err := readmodel.Checkpoints(ctx, l.Pool, l.Group)
	if err != nil {
		return nil, postgres.Classify(fmt.Errorf("read the checkpoints of %s: %w", l.Group, err))
	}
	byPartition := make(map[kafka.Partition]readmodel.Checkpoint, len(all))
	for _, c := range all {
		byPartition[kafka.Partition{Topic: c.Topic, Number: c.Partition}] = c
	}
	return byPartition, nil
}

// Begin makes the partition's checkpoint exist at the offset, and says which topic it belongs to. A checkpoint that exists
// is moved only where anew says so.
func (l Ledger) Begin(ctx context.Context, assigned kafka.Assignment, next int64, anew bool) error {
	_, err := l.begin(ctx, l.Pool, assigned, next, anew)
	return postgres.Classify(err)
}

// begin does what Begin does, and reports whether there was no checkpoint before.
func (l Ledger) begin(ctx context.Context, db readmodel.Database, assigned kafka.Assignment, next int64, anew bool) (first bool, err error) {
	var id *uuid.UUID
	if assigned.TopicID != uuid.Nil {
		id = &assigned.TopicID
	}
	made, err := db.Exec(ctx, `
		INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset, topic_id)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		l.Group, assigned.Topic, assigned.Number, next, id)
	if err == nil && made.RowsAffected() == 0 {
		_, err = db.Exec(ctx, `
			UPDATE counterfoil.checkpoints
			SET topic_id = $5, next_offset = CASE WHEN $6 THEN $4 ELSE next_offset END, changed_at = now()
			WHERE group_id = $1 AND topic = $2 AND partition = $3 AND ($6 OR topic_id IS NULL AND $5::uuid IS NOT NULL)`,
			l.Group, assigned.Topic, assigned.Number, next, id, anew)
	}
	if err != nil {
		return false, fmt.Errorf("begin %s/%d: %w", assigned.Topic, assigned.Number, err)
	}
	return made.RowsAffected() == 1, nil
}
