package apply_test

import (
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

// of returns the records as records of a partition.
func of(partition int32, records []kafka.Record) []kafka.Record {
	for i := range records {
		records[i].Position.Partition = partition
	}
	return records
}

// outcome is what Apply returned.
type outcome struct {
	apply.Result
	err error
}

// lock locks the checkpoint of a partition until the function that it returns is called.
func (m *model) lock(partition int32) (unlock func()) {
	m.t.Helper()
	tx, err := m.pool.Begin(m.t.Context())
	if err == nil {
		_, err = tx.Exec(m.t.Context(), `SELECT FROM counterfoil.checkpoints WHERE partition = $1 FOR UPDATE`, partition)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(m.t.Context()); err != nil {
			m.t.Error(err)
		}
	}
}

// exec runs a statement as the owner.
func (m *model) exec(sql string) {
	m.t.Helper()
	if _, err := m.pool.Exec(m.t.Context(), sql); err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
}

// meet applies the batches, each of the partition that is its index + 1, so that they commit together if they can. All
// checkpoints begin at 0.
func (m *model) meet(batches ...[]kafka.Record) []<-chan outcome {
	m.t.Helper()
	for i := range batches {
		partition := kafka.Partition{Topic: topic, Number: int32(i + 1)}
		if err := m.applier.Begin(m.t.Context(), kafka.Assignment{Partition: partition}, 0, false); err != nil {
			m.t.Fatal(err)
		}
	}
	end := m.applier.TakeTurn()
	var outcomes []<-chan outcome
	for i, batch := range batches {
		outcomes = append(outcomes, m.start(of(int32(i+1), batch)))
	}
	m.until("all wait", func() bool { return m.applier.Waiting() == len(batches) })
	end()
	return outcomes
}

func (m *model) start(batch []kafka.Record) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		result, err := m.applier.Apply(m.t.Context(), 0, batch)
		done <- outcome{result, err}
	}()
	return done
}

// blocked returns how many connections of the database wait for a lock.
func (m *model) blocked() (n int) {
	m.t.Helper()
	err := m.pool.QueryRow(m.t.Context(), `
		SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&n)
	if err != nil {
		m.t.Fatal(err)
	}
	return n
}

// until waits until there says so.
func (m *model) until(what string, there func() bool) {
	m.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	limit := time.After(20 * time.Second)
	for !there() {
		select {
		case <-look.C:
		case <-limit:
			m.t.Fatalf("not in 20 s: %s", what)
		}
	}
}

func requireApplied(t *testing.T, outcomes []<-chan outcome, partitions ...int) {
	t.Helper()
	for _, partition := range partitions {
		o := <-outcomes[partition-1]
		if o.err != nil || o.Applied != 2 || o.Next != 2 || len(o.Parked) > 0 {
			t.Errorf("partition %d: %d applied, %d parked, next %d, %v", partition, o.Applied, len(o.Parked), o.Next, o.err)
		}
	}
}

func TestG4_BatchesOfSeveralPartitionsCommitTogether(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	outcomes := m.meet(records(0, 2001, 2002), records(0, 2003, 2004), records(0, 2005, 2006))
	requireApplied(t, outcomes, 1, 2, 3)
	m.require(rowCount, 6)
	m.require(`SELECT count(DISTINCT xmin::text) FROM timestamp_v1.timestamp_records`, 1)
	m.require(`SELECT count(DISTINCT xmin::text) FROM counterfoil.checkpoints WHERE next_offset = 2`, 1)
	m.require(`SELECT count(*) FROM counterfoil.checkpoints c JOIN timestamp_v1.timestamp_records r ON c.xmin::text = r.xmin::text WHERE c.next_offset = 2`, 3*6)
}

func TestG4_AFencedBatchWritesNothingAndLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.exec(`INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) SELECT group_id, topic, 2, 1 FROM counterfoil.checkpoints`)
	outcomes := m.meet(records(0, 2001, 2002), records(0, 2003, 2004), records(0, 2005, 2006))
	requireApplied(t, outcomes, 1, 3)
	if o := <-outcomes[1]; !fault.Is(o.err, fault.Fenced) || o.Next != 0 {
		t.Errorf("the fenced batch ended at %d with %v", o.Next, o.err)
	}
	m.require(rowCount, 4)
	m.require(`SELECT count(*) FROM timestamp_v1.timestamp_records WHERE extract(year FROM event_timestamp) IN (2003, 2004)`, 0)
}

func TestG4_AHeldBatchLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.exec(`INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset, hold_at, hold_until)
		SELECT group_id, topic, 2, 0, 1, 'infinity' FROM counterfoil.checkpoints`)
	outcomes := m.meet(records(0, 2001, 2002), records(0, 2003, 2004))
	requireApplied(t, outcomes, 1)
	o := <-outcomes[1]
	if at, held := apply.HeldAt(o.err); !held || at != 1 {
		t.Errorf("the held batch ended with %v", o.err)
	}
	m.require(rowCount, 2)
}

func TestG5_ARefusedRecordIsParkedAndOthersThatItMeetsApply(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.exec(`ALTER TABLE timestamp_v1.timestamp_records ADD CHECK (event_timestamp < '2100-01-01')`)
	outcomes := m.meet(records(0, 2001, 2002), records(0, 2003, 2200, 2004))
	requireApplied(t, outcomes, 1)
	if o := <-outcomes[1]; o.err != nil || o.Applied != 2 || len(o.Parked) != 1 || o.Next != 3 {
		t.Errorf("%d applied, %d parked, next %d, %v", o.Applied, len(o.Parked), o.Next, o.err)
	}
	m.require(`SELECT "offset" FROM counterfoil.parked WHERE partition = 2`, 1)
	m.require(rowCount, 4)
}

func TestG3_RepeatsAreCountedWhereTheyAre(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	repeats := records(0, 2001, 2002)
	if _, err := m.pool.Exec(t.Context(), `INSERT INTO timestamp_v1.timestamp_records VALUES ($1, '2009-01-01Z', now())`, string(repeats[0].Key)); err != nil {
		t.Fatal(err)
	}
	outcomes := m.meet(records(0, 2003, 2004), repeats)
	requireApplied(t, outcomes, 1)
	if o := <-outcomes[1]; o.err != nil || o.Applied != 1 || o.AlreadyThere != 1 || o.Differing != 1 {
		t.Errorf("%d applied, %d there, %d of them differing, %v", o.Applied, o.AlreadyThere, o.Differing, o.err)
	}
	m.require(rowCount, 4)
}

// The other partition's batch is applied while the first one's checkpoint is still locked.
func TestTogether_ALockedCheckpointHoldsUpItsPartitionOnly(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.exec(`INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) SELECT group_id, topic, 1, 0 FROM counterfoil.checkpoints`)
	unlock := m.lock(1)
	outcomes := m.meet(records(0, 2001, 2002), records(0, 2003, 2004))
	requireApplied(t, outcomes, 2)
	unlock()
	requireApplied(t, outcomes, 1)
}

// Nor does it where nobody waits with it: who comes meanwhile does not wait for it.
func TestTogether_ALockedCheckpointHoldsUpNobodyWhoComesLater(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.exec(`INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset)
		SELECT group_id, topic, n, 0 FROM counterfoil.checkpoints, generate_series(1, 2) n`)
	unlock := m.lock(1)
	first := m.start(of(1, records(0, 2001, 2002)))
	m.until("the first one is held up", func() bool { return m.blocked() == 1 })
	outcomes := []<-chan outcome{first, m.start(of(2, records(0, 2003, 2004)))}
	requireApplied(t, outcomes, 2)
	unlock()
	requireApplied(t, outcomes, 1)
}

func TestG6_ABatchBehindAParkedRecordMeetsNobody(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	bad := records(0, 2001)
	bad[0].Value = []byte("{")
	later := records(1, 2002)
	later[0].Key = bad[0].Key
	for i, batch := range [][]kafka.Record{bad, later} {
		result, err := m.applier.Apply(t.Context(), int64(i), batch)
		if err != nil || len(result.Parked) != 1 {
			t.Errorf("%d parked, %v", len(result.Parked), err)
		}
	}
	m.require(`SELECT string_agg(state, ', ' ORDER BY "offset") FROM counterfoil.parked`, "parked, waiting")
	m.require(rowCount, 0)
}
