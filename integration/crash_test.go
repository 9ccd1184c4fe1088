package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// partitions is how many partitions the command-service gives a topic.
const partitions = 6

func TestG4_AConsumerKilledInMidBatchGoesOnWhereItsCheckpointIs(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	applied := postMany(t, s, 100, 8)
	awaitApplied(t, s, applied)

	release := holdBatches(t, s)
	tickets := append(slices.Clip(applied), postMany(t, s, 300, 16)...)
	awaitHeld(t, s, partitions)
	s.ConsumerProcess.Kill(t)
	release()
	awaitHeld(t, s, 0)
	// Of the batches that were under way there is either everything or nothing, and it is nothing: none was committed.
	requireWhole(t, s)
	if rows, err := s.Number(t.Context(), `SELECT count(*) FROM timestamp_v1.timestamp_records`); err != nil || rows != int64(len(applied)) {
		t.Errorf("%d rows of %d, error %v", rows, len(applied), err)
	}

	s.StartConsumer(t)
	s.AwaitRows(t, int64(len(tickets)))
	awaitApplied(t, s, tickets)
	requireWhole(t, s)
	readMany(t, s, tickets)
}

func TestG4_TwoConsumersShareThePartitionsAndOneTakesOverWhenTheOtherIsKilled(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	victim := s.ConsumerProcess
	survivor := s.StartConsumer(t)
	await.Until(t, func(ctx context.Context) error {
		one, err := share(ctx, s, victim)
		other, otherErr := share(ctx, s, survivor)
		if one == 0 || other == 0 || one+other != partitions {
			return fmt.Errorf("one consumer has %d partitions, the other has %d: %w", one, other, errors.Join(err, otherErr))
		}
		return nil
	})

	load := startLoad(t, s, 8)
	load.await(200)
	release := holdBatches(t, s)
	awaitHeld(t, s, partitions) // every partition's batch is under way, in both consumers
	victim.Kill(t)
	release()
	requireWhole(t, s)
	load.await(200)
	await.Until(t, func(ctx context.Context) error {
		all, err := share(ctx, s, survivor)
		if err == nil && all != partitions {
			err = fmt.Errorf("the survivor has %d partitions", all)
		}
		requireWhole(t, s)
		return err
	})
	tickets := load.requireNoneRefused()
	s.AwaitRows(t, int64(len(tickets)))
	awaitApplied(t, s, tickets)
	requireWhole(t, s)
	readMany(t, s, tickets)
	s.AwaitReady(t)
}

// share returns how many partitions the consumer was assigned: it has one sample of lag for each.
func share(ctx context.Context, s *stack.Stack, consumer *process.Process) (partitions int, err error) {
	_, partitions, err = consumer.Metric(ctx, "counterfoil_lag_records", fmt.Sprintf("topic=%q", s.Topic))
	return partitions, err
}

// holdBatches keeps every batch from being committed, between the move of its checkpoint and its rows, until release is
// called. What waits is the insertion itself: a locked table would already hold up the preparing of its statement, of which
// a batch of several partitions knows nothing.
func holdBatches(t *testing.T, s *stack.Stack) (release func()) {
	t.Helper()
	conn := s.Connect(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`SELECT pg_advisory_lock(1)`)
	exec(`CREATE FUNCTION public.wait_for_release() RETURNS trigger LANGUAGE plpgsql
		AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END'`)
	exec(`CREATE TRIGGER wait_for_release BEFORE INSERT ON timestamp_v1.timestamp_records
		FOR EACH STATEMENT EXECUTE FUNCTION public.wait_for_release()`)
	return func() { exec(`SELECT pg_advisory_unlock(1)`) }
}

// awaitHeld waits until exactly that many batches are under way and wait for their release.
func awaitHeld(t *testing.T, s *stack.Stack, want int64) {
	t.Helper()
	s.AwaitNumber(t, want, `
		SELECT count(*) FROM pg_locks
		WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND locktype = 'advisory' AND objid = 1`)
}
