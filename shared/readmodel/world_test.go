package readmodel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const trips = `name: trips
source: {topic: trips, format: json}
key: id
columns:
  - {name: id, type: int8, from: $.id}
  - {name: fare, type: "numeric(10,2)", from: $.fare}
  - {name: seen, type: timestamptz, from: $timestamp}
primary_key: [id]
write: insert
`

// tripsRenamed has a column more, one of another name and scale, and an index.
const tripsRenamed = `name: trips
source: {topic: trips, format: json}
key: id
columns:
  - {name: id, type: int8, from: $.id}
  - {name: price, type: "numeric(12,4)", from: $.fare}
  - {name: seen, type: timestamptz, from: $timestamp}
  - {name: note, type: text, from: $.note, nullable: true}
primary_key: [id]
write: insert
indexes:
  - columns: [price, id]
`

// declare reads a declaration as a file would be.
func declare(t *testing.T, content string) *readmodel.Declaration {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := readmodel.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// A world is a database in which trips/v1 serves, and stands in for the consumers, which this module cannot start: it
// writes rows and checkpoints as they do.
type world struct {
	t    *testing.T
	db   *pgtest.DB
	conn *pgx.Conn
	end  atomic.Int64                                        // where each of the partitions ends
	rows map[string]func(offset int64) (sql string, a []any) // how a version writes a record, by its label
	mu   sync.Mutex
}

const partitions = 2

var mandate = readmodel.Mandate{By: "test", Reason: "because"}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.Database(t), rows: map[string]func(int64) (string, []any){}}
	w.conn = w.connect()
	if err := postgres.Migrate(t.Context(), w.conn, discard); err != nil {
		t.Fatal(err)
	}
	w.migrate(trips)
	w.rows["trips/v1"] = func(offset int64) (string, []any) {
		return `INSERT INTO trips_v1.trips VALUES ($1, $2, $3)`, []any{offset, fare(offset), at(offset)}
	}
	return w
}

// newFilled is a world with that many records in each partition, all of which v1 has applied.
func newFilled(t *testing.T, records int64) *world {
	t.Helper()
	w := newWorld(t)
	w.produce(records)
	w.catchUp("trips/v1")
	return w
}

// newSecond is a filled world in which a second version is ready, whose number it returns.
func newSecond(t *testing.T, records int64) (*world, int) {
	t.Helper()
	w := newFilled(t, records)
	return w, w.built(tripsRenamed, renamed(2))
}

func fare(offset int64) string  { return fmt.Sprintf("%d.50", offset%100) }
func at(offset int64) time.Time { return time.Unix(1_700_000_000+offset, 0) }

// renamed writes the rows of tripsRenamed into a version.
func renamed(number int) func(int64) (string, []any) {
	return func(offset int64) (string, []any) {
		return fmt.Sprintf(`INSERT INTO trips_v%d.trips VALUES ($1, $2, $3, 'n')`, number), []any{offset, fare(offset) + "00", at(offset)}
	}
}

func (w *world) connect() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.OwnerURL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) })
	return conn
}

// config is what Verify connects by.
func (w *world) config() postgres.Config { return postgres.Config{URL: w.db.OwnerURL, MaxConns: 2} }

// migrate makes what the declaration needs, and gives it a group.
func (w *world) migrate(content string) readmodel.Plan {
	w.t.Helper()
	plan, err := readmodel.Migrate(w.t.Context(), w.conn, declare(w.t, content), mandate)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := readmodel.SetGroup(w.t.Context(), w.conn, plan.Declaration, plan.Declaration.Group("g")); err != nil {
		w.t.Fatal(err)
	}
	return plan
}

// built migrates and builds a version until it is ready, and keeps it as current as v1.
func (w *world) built(content string, write func(int64) (string, []any)) int {
	w.t.Helper()
	number := w.migrate(content).Declaration.Version
	label := fmt.Sprintf("trips/v%d", number)
	w.rows[label] = write
	w.start(number)
	w.catchUp(label)
	w.ready(number)
	return number
}

func (w *world) start(number int) readmodel.Version {
	w.t.Helper()
	var targets []readmodel.Target
	for p := range int32(partitions) {
		targets = append(targets, readmodel.Target{Topic: "trips", Partition: p, End: w.end.Load()})
	}
	v, err := readmodel.StartBuild(w.t.Context(), w.conn, "trips", number, readmodel.Build{Targets: targets}, mandate)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// ready does what a consumer-service does with a version that caught up.
func (w *world) ready(number int) {
	w.t.Helper()
	exec(w.t, w.conn, `UPDATE counterfoil.read_models SET state = 'ready', indexed = true WHERE name = 'trips' AND version = $1 AND state = 'building'`, number)
	exec(w.t, w.conn, `INSERT INTO counterfoil.read_model_history (name, version, event, changed_by) VALUES ('trips', $1, 'ready', 'test')`, number)
}

// produce adds records to each partition.
func (w *world) produce(records int64) { w.end.Add(records) }

// catchUp applies all records to the versions.
func (w *world) catchUp(labels ...string) {
	w.t.Helper()
	for _, label := range labels {
		for {
			moved, err := w.applyBatch(w.t.Context(), w.conn, label)
			if err != nil {
				w.t.Fatal(err)
			}
			if !moved {
				break
			}
		}
	}
}

// consume applies records to a version until the test ends.
func (w *world) consume(labels ...string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	var consumers sync.WaitGroup
	for _, label := range labels {
		conn := w.connect()
		consumers.Go(func() {
			for ctx.Err() == nil {
				if moved, err := w.applyBatch(ctx, conn, label); err != nil && ctx.Err() == nil {
					w.t.Errorf("apply to %s: %v", label, err)
					return
				} else if !moved {
					pause(ctx, 2*time.Millisecond)
				}
			}
		})
	}
	w.t.Cleanup(func() { cancel(); consumers.Wait() })
}

// traffic adds a record to each partition every few milliseconds until the test ends.
func (w *world) traffic() {
	ctx, cancel := context.WithCancel(w.t.Context())
	var producer sync.WaitGroup
	producer.Go(func() {
		for ctx.Err() == nil {
			w.produce(1)
			pause(ctx, 3*time.Millisecond)
		}
	})
	w.t.Cleanup(func() { cancel(); producer.Wait() })
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// applyBatch moves one checkpoint of the version and writes the rows between, and reports whether there was anything to do.
func (w *world) applyBatch(ctx context.Context, conn *pgx.Conn, label string) (moved bool, err error) {
	number := strings.TrimPrefix(label, "trips/")
	group := "g.trips." + number
	w.mu.Lock()
	write := w.rows[label]
	w.mu.Unlock()
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for p := range int64(partitions) {
			_, err := tx.Exec(ctx, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, 'trips', $2, 0) ON CONFLICT DO NOTHING`, group, p)
			if err != nil {
				return err
			}
			var next int64
			if err := tx.QueryRow(ctx, `SELECT next_offset FROM counterfoil.checkpoints WHERE group_id = $1 AND partition = $2`, group, p).Scan(&next); err != nil {
				return err
			}
			to := min(next+7, w.end.Load())
			if to <= next {
				continue
			}
			changed, err := tx.Exec(ctx, `
				UPDATE counterfoil.checkpoints SET next_offset = least($4, CASE WHEN hold_until > now() THEN hold_at ELSE $4 END)
				WHERE group_id = $1 AND partition = $2 AND next_offset = $3 AND NOT coalesce(hold_until > now() AND hold_at <= next_offset, false)`, group, p, next, to)
			if err != nil {
				return err
			}
			if changed.RowsAffected() == 0 {
				continue
			}
			if err := tx.QueryRow(ctx, `SELECT next_offset FROM counterfoil.checkpoints WHERE group_id = $1 AND partition = $2`, group, p).Scan(&to); err != nil {
				return err
			}
			for offset := next; offset < to; offset++ {
				sql, args := write(offset*partitions + p)
				if _, err := tx.Exec(ctx, sql, args...); err != nil {
					return err
				}
			}
			moved = true
		}
		return nil
	})
	return moved, err
}

// state returns the states of all versions of trips, such as "1 serving, 2 ready previous".
func (w *world) states() string {
	w.t.Helper()
	return scalar[string](w.t, w.conn, `
		SELECT string_agg(version || ' ' || state || CASE WHEN previous THEN ' previous' ELSE '' END, ', ' ORDER BY version)
		FROM counterfoil.read_models WHERE name = 'trips'`)
}

func (w *world) requireStates(want string) {
	w.t.Helper()
	if got := w.states(); got != want {
		w.t.Errorf("the versions are %s; want %s", got, want)
	}
}

// require fails the test unless the error is of that sort and its text has the parts.
func require(t *testing.T, err, sort error, parts ...string) {
	t.Helper()
	if !errors.Is(err, sort) {
		t.Errorf("it ended with %v, want %v", err, sort)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("there is no %q in: %v", part, err)
		}
	}
}

func (w *world) verify(number int) readmodel.Report {
	w.t.Helper()
	report, err := w.tryVerify(number)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

func (w *world) tryVerify(number int) (readmodel.Report, error) {
	return readmodel.Verify(w.t.Context(), w.config(), "trips", number, readmodel.Verifying{Examples: 3, Limit: 20 * time.Second}, mandate)
}

// park sets records of a partition aside in a version.
func (w *world) park(version, partition int, offsets ...int64) {
	w.t.Helper()
	for _, offset := range offsets {
		exec(w.t, w.conn, `
			INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset", state, code, reason, correlation_id, headers)
			VALUES ('trips', $1, 'trips', $2, $3, 'parked', 'undecodable', 'why', '', '[]')`, version, partition, offset)
	}
}

func (w *world) mustSwitchTo(number int) {
	w.t.Helper()
	if err := w.switchTo(number); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) switchTo(number int) error {
	_, err := readmodel.Switch(w.t.Context(), w.conn, "trips", number, "", mandate)
	return err
}
