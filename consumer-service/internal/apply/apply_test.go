package apply_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/consumer-service/internal/rebuild"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const topic = "timestamp.command.v1"

// model is a database with the timestamp read model, and an applier for it.
type model struct {
	t       *testing.T
	pool    *pgxpool.Pool // the owner's
	applier *apply.Applier
}

func newModel(t *testing.T) *model {
	t.Helper()
	db := pgtest.Database(t)
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := declarations[0]
	group := d.Group("test")
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	preparer := rebuild.Preparer{Owner: postgres.Config{URL: db.OwnerURL}, Log: log}
	if err := preparer.Models(t.Context(), declarations); err != nil {
		t.Fatal(err)
	}
	if err := preparer.Version(t.Context(), d, group); err != nil {
		t.Fatal(err)
	}
	m := &model{t: t, pool: connect(t, db.OwnerURL), applier: apply.New(connect(t, db.WriterURL), d, group)}
	if err := m.applier.Begin(t.Context(), kafka.Assignment{Partition: kafka.Partition{Topic: topic}}, 0, false); err != nil {
		t.Fatal(err)
	}
	return m
}

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Connect(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func (m *model) require(sql string, want any) {
	m.t.Helper()
	rows, err := m.pool.Query(m.t.Context(), sql)
	if err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
	got, err := pgx.CollectOneRow(rows, pgx.RowTo[any])
	if err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		m.t.Errorf("%s gives %v, want %v", sql, got, want)
	}
}

// records returns good records from the offset on; each holds the given year.
func records(from int64, years ...int) []kafka.Record {
	var all []kafka.Record
	for i, year := range years {
		id := uuid.New()
		all = append(all, kafka.Record{
			Position:  position.Position{Topic: topic, Offset: from + int64(i)},
			Timestamp: time.UnixMilli(1_700_000_000_000).UTC(),
			Key:       []byte(id.String()),
			Value:     fmt.Appendf(nil, `{"command_id":"%s","event_timestamp":"%04d-01-01T00:00:00Z"}`, id, year),
		})
	}
	return all
}

const (
	rowCount   = `SELECT count(*) FROM timestamp_v1.timestamp_records`
	checkpoint = `SELECT next_offset FROM counterfoil.checkpoints`
)

func TestG4_ApplyWithAStaleCheckpointWritesNothing(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	if _, err := m.applier.Apply(t.Context(), 0, records(0, 2001, 2002)); err != nil {
		t.Fatal(err)
	}
	_, err := m.applier.Apply(t.Context(), 0, records(0, 2003, 2004, 2005))
	if !fault.Is(err, fault.Fenced) {
		t.Fatalf("the second owner's batch ended with %v, want it fenced", err)
	}
	m.require(rowCount, 2)
	m.require(checkpoint, 2)
}

func TestG4_TwoWritersOfOnePartitionCommitOnlyOneBatch(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	outcomes := make(chan error)
	for range 2 {
		batch := records(0, 2001, 2002, 2003)
		go func() {
			_, err := m.applier.Apply(t.Context(), 0, batch)
			outcomes <- err
		}()
	}
	first, second := <-outcomes, <-outcomes
	if (first == nil) == (second == nil) {
		t.Fatalf("the writers ended with %v and %v, want one of them fenced", first, second)
	}
	m.require(rowCount, 3)
}

func TestG5_ABatchIsHalvedToTheRecordThatPostgreSQLRefuses(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	_, err := m.pool.Exec(t.Context(), `ALTER TABLE timestamp_v1.timestamp_records ADD CHECK (event_timestamp < '2100-01-01')`)
	if err != nil {
		t.Fatal(err)
	}
	result, err := m.applier.Apply(t.Context(), 0, records(0, 2001, 2002, 2999, 2003, 2998, 2004, 2005))
	if err != nil {
		t.Fatal(err)
	}
	if result.Applied != 5 || len(result.Parked) != 2 || result.Next != 7 {
		t.Errorf("the result is %d applied, %d parked, next %d", result.Applied, len(result.Parked), result.Next)
	}
	m.require(rowCount, 5)
	m.require(checkpoint, 7)
	m.require(`SELECT string_agg("offset" || code, ',' ORDER BY "offset") FROM counterfoil.parked`, "2refused-by-database,4refused-by-database")
}

func TestG5_AnImpossibleTimestampOfTheRecordIsParked(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	batch := records(0, 2001, 2002, 2003)
	batch[0].Timestamp = time.Time{}
	batch[1].Timestamp = time.UnixMilli(1<<62 - 1)
	result, err := m.applier.Apply(t.Context(), 0, batch)
	if err != nil {
		t.Fatal(err)
	}
	if result.Applied != 1 || len(result.Parked) != 2 {
		t.Errorf("the result is %d applied, %d parked", result.Applied, len(result.Parked))
	}
}

func TestG5_AMissingTableStopsAndParksNothing(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	if _, err := m.pool.Exec(t.Context(), `ALTER TABLE timestamp_v1.timestamp_records RENAME TO elsewhere`); err != nil {
		t.Fatal(err)
	}
	_, err := m.applier.Apply(t.Context(), 0, records(0, 2001))
	if fault.Of(err).Kind().Treatment() != fault.Stop || !postgres.IsMissing(err) {
		t.Errorf("the batch ended with %v, want it stopped for a missing table", err)
	}
	m.require(checkpoint, 0)
	m.require(`SELECT count(*) FROM counterfoil.parked`, 0)
}

func TestApply_TheFirstOfTwoInOneBatchStands(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	batch := records(0, 2001, 2002)
	batch[1].Key = batch[0].Key
	batch[1].Value = fmt.Appendf(nil, `{"command_id":"%s","event_timestamp":"2002-01-01T00:00:00Z"}`, batch[0].Key)
	result, err := m.applier.Apply(t.Context(), 0, batch)
	if err != nil {
		t.Fatal(err)
	}
	if result.Applied != 1 || result.AlreadyThere != 1 || result.Differing != 1 {
		t.Errorf("the result is %+v", result)
	}
	m.require(`SELECT extract(year FROM event_timestamp AT TIME ZONE 'UTC')::int FROM timestamp_v1.timestamp_records`, 2001)
}

func TestG3_ALargeBatchIsOneRowEachHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	batch := records(0, make([]int, 1000)...)
	batch[999] = batch[0] // the same command again, in the same batch
	batch[999].Position.Offset = 999
	batch[500].Value = []byte("nonsense")
	for next, times := int64(0), 0; times < 3; times++ {
		result, err := m.applier.Apply(t.Context(), next, batch)
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Applied + result.AlreadyThere; got != 999 {
			t.Errorf("%d of 999 rows are accounted for", got)
		}
		m.require(rowCount, 998)
		m.require(`SELECT count(*) FROM counterfoil.parked`, times+1)
		next = result.Next
		for i := range batch {
			batch[i].Position.Offset = next + int64(i)
			if i == 500 { // a repeat of what is parked would wait behind it
				batch[i].Key = []byte(uuid.NewString())
			}
		}
	}
}

// A decision goes on where it was when the process ended between two of its pages, in order, and what comes meanwhile
// waits in line.
func TestG6_WhatWaitsGoesOnInPages(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	batch := records(0, make([]int, 251)...)
	key := uuid.New()
	again := func(r *kafka.Record, year int) {
		r.Key = []byte(key.String())
		r.Value = fmt.Appendf(nil, `{"command_id":"%s","event_timestamp":"%04d-01-01T00:00:00Z"}`, key, year)
	}
	for i := range batch {
		again(&batch[i], 2000+i)
	}
	batch[0].Value = []byte("{}")
	m.apply(0, batch)
	discard := decision.Decision{Verb: decision.Discard, ReadModel: "timestamp", Position: batch[0].Position, Reason: "r", By: "b"}
	if got := m.decide(discard); got.Effect != "" || !got.More || got.Released != 100 {
		t.Fatalf("the first page came to %+v", got)
	}
	late := records(251, 2900)
	again(&late[0], 2900)
	m.apply(251, late)
	const states = `SELECT string_agg(DISTINCT state, ' ' ORDER BY state) || ' ' || count(*) FROM counterfoil.parked`
	m.require(states, "parked waiting 152")
	for _, want := range []apply.Decided{{Released: 100, More: true}, {Effect: "discarded", Released: 51}, {Effect: "the record is not parked"}} {
		if got := m.decide(discard); got != want {
			t.Errorf("a page came to %+v, want %+v", got, want)
		}
	}
	m.require(states, "discarded 1")
	m.require(`SELECT extract(year FROM event_timestamp)::int FROM timestamp_v1.timestamp_records`, 2001)
}

func (m *model) apply(expected int64, batch []kafka.Record) {
	m.t.Helper()
	if _, err := m.applier.Apply(m.t.Context(), expected, batch); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) decide(d decision.Decision) (result apply.Decided) {
	m.t.Helper()
	err := pgx.BeginFunc(m.t.Context(), m.pool, func(tx pgx.Tx) (err error) {
		result, err = m.applier.Decide(m.t.Context(), tx, d)
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return result
}

// The topic was made anew and its loss accepted: what cannot apply now is parked, although an older record was parked at
// the same place.
func TestG5_ARecordAtThePlaceOfAnOlderOneIsParked(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	batch := records(0, 2001)
	batch[0].Value = []byte("older")
	m.apply(0, batch)
	if err := m.applier.Begin(t.Context(), kafka.Assignment{Partition: kafka.Partition{Topic: topic}}, 0, true); err != nil {
		t.Fatal(err)
	}
	batch[0].Value = []byte("newer")
	m.apply(0, batch)
	m.require(`SELECT string_agg(convert_from(value, 'UTF8'), ' ') FROM counterfoil.parked`, "newer")
}

func TestParked_HasTheClassOfWhatStandsInItsWay(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	if _, err := m.pool.Exec(t.Context(), `ALTER TABLE timestamp_v1.timestamp_records ADD CHECK (event_timestamp < '2100-01-01')`); err != nil {
		t.Fatal(err)
	}
	batch := records(0, 2001, 2999, 2002, 2999)
	batch[0].Value = []byte("{}")
	batch[2].Key = batch[0].Key
	m.apply(0, batch)
	const classes = `SELECT string_agg("offset" || class, ' ' ORDER BY "offset") FROM counterfoil.parked`
	m.require(classes, "0record 1database 2order 3database")
	m.decide(decision.Decision{Verb: decision.Discard, ReadModel: "timestamp", Position: batch[0].Position, Reason: "r", By: "b"}) // the one behind it cannot apply either: its key is another's
	m.require(classes, "0record 1database 2record 3database")
}
