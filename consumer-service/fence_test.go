package consumerservice_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

const lockCheckpoint = `SELECT next_offset FROM counterfoil.checkpoints WHERE group_id LIKE '%.timestamp.v1' FOR UPDATE`

// begin returns an open transaction of the owner.
func (w *world) begin() pgx.Tx {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.OwnerURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) })
	tx, err := conn.Begin(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return tx
}

// waitForLocks waits until that many sessions of the database wait for a lock.
func (w *world) waitForLocks(n int) {
	w.t.Helper()
	w.eventually(`SELECT count(DISTINCT pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE NOT granted AND datname = current_database()`, fmt.Sprint(n))
}

// gate makes whoever moves the checkpoint on from 1 wait for an advisory lock, before it looks at the row.
const gate = `
	CREATE FUNCTION counterfoil.gate() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM counterfoil.checkpoints WHERE group_id LIKE '%.timestamp.v1' AND next_offset = 1) THEN
			PERFORM pg_advisory_xact_lock(1);
		END IF;
		RETURN NULL;
	END $$`

// A former owner of the partition commits the first half of the batch that this consumer holds: the consumer writes
// nothing of its batch, and then neither loses nor doubles the other half.
func TestG4_AConsumerThatIsFencedInMidBatchLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.eventually(checkpoint, "0")
	w.mustQuery(gate)
	w.mustQuery(`CREATE TRIGGER gate BEFORE UPDATE ON counterfoil.checkpoints EXECUTE FUNCTION counterfoil.gate()`)
	former, lock := w.begin(), w.begin()
	mustExec(t, former, `SELECT pg_advisory_xact_lock(1)`)
	mustExec(t, lock, lockCheckpoint)

	// The consumer comes with the first record and waits; ten more queue behind it, and so come together.
	kafkatest.Produce(t, w.topic, timestamp(uuid.New(), "2020-01-01T00:00:00Z"))
	w.waitForLocks(1)
	var ids []uuid.UUID
	var records []kafkatest.Record
	for i := range 10 {
		ids = append(ids, uuid.New())
		records = append(records, timestamp(ids[i], "2020-01-01T00:00:00Z"))
	}
	kafkatest.Produce(t, w.topic, records...)
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually(checkpoint, "1")
	w.waitForLocks(1)
	for _, id := range ids[:5] {
		mustExec(t, former, `INSERT INTO timestamp_v1.timestamp_records VALUES ($1, '2020-01-01Z', '2020-01-01Z')`, id)
	}
	mustExec(t, former, `UPDATE counterfoil.checkpoints SET next_offset = 6 WHERE group_id LIKE '%.timestamp.v1'`)
	if err := former.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually(checkpoint, "11")
	if rows := w.mustQuery(countRows); rows != "11" {
		t.Errorf("%s rows of 11 commands", rows)
	}
}

func mustExec(t *testing.T, tx pgx.Tx, sql string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
