package consumerservice_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	consumerservice "github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// second is the next shape of the timestamp model: a column is renamed, one is added, and there is an index more.
const second = `
name: timestamp
path: /timestamps
source: {topic: "%s", format: json}
key: id
table: timestamp_records
columns:
  - {name: id, type: uuid, from: $.command_id}
  - {name: happened_at, type: timestamptz, from: $.event_timestamp}
  - {name: created_at, type: timestamptz, from: $timestamp}
  - {name: note, type: text, from: $.note, %s}
primary_key: [id]
write: insert
indexes:
  - columns: [happened_at]
`

// declare returns a declaration of the world's topic.
func (w *world) declare(format, note string) *readmodel.Declaration {
	w.t.Helper()
	dir := w.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "timestamp.yaml"), fmt.Appendf(nil, format, w.topic, note), 0o600); err != nil {
		w.t.Fatal(err)
	}
	declarations, err := readmodel.Load(dir, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return declarations[0]
}

// build creates the second version, which is then being built.
func (w *world) build(note string) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.OwnerURL)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(w.t.Context()) }()
	if err := readmodel.Ensure(w.t.Context(), conn, w.declare(second, note).Numbered(2), slog.New(slog.DiscardHandler)); err != nil {
		w.t.Fatal(err)
	}
}

// built creates the second version and waits until it is ready.
func (w *world) built() {
	w.t.Helper()
	w.build(nullable)
	w.eventually(stateOfSecond, "ready")
}

func (w *world) mustExec(sql string) {
	w.t.Helper()
	_ = w.mustQuery(sql)
}

// produce writes that many good records.
func (w *world) produce(n int) {
	w.t.Helper()
	records := make([]kafkatest.Record, n)
	for i := range records {
		records[i] = timestamp(uuid.New(), "2020-01-01T00:00:00Z")
	}
	kafkatest.Produce(w.t, w.topic, records...)
}

const (
	stateOfSecond   = `SELECT state FROM counterfoil.read_models WHERE version = 2`
	rowsOfSecond    = `SELECT count(*) FROM timestamp_v2.timestamp_records`
	indexesOfSecond = `SELECT count(*) FROM pg_indexes WHERE schemaname = 'timestamp_v2'`
	allRowsOfSecond = `SELECT id::text, happened_at, created_at, note FROM timestamp_v2.timestamp_records ORDER BY id`
	nullable        = `nullable: true`
)

func TestVersions_OneIsBuiltBesideTheServingOneAndKeptCurrent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	c := w.run("a", nil)
	w.produce(500)
	w.eventually(countRows, "500")
	w.built()
	if got := w.mustQuery(rowsOfSecond); got != "500" {
		t.Errorf("it is ready with %s rows of 500", got)
	}
	if got := w.mustQuery(indexesOfSecond); got != "2" {
		t.Errorf("it is ready with %s indexes, want those of the key and of the declaration", got)
	}
	if got := w.mustQuery(`SELECT count(*) FROM counterfoil.checkpoints WHERE hold_at IS NOT NULL`); got != "0" {
		t.Errorf("%s checkpoints are still held", got)
	}
	w.produce(10)
	w.eventually(rowsOfSecond, "510")
	w.eventually(countRows, "510")

	// What is retired stands still, and goes on from there when it is built again, in the same process.
	w.mustExec(`UPDATE counterfoil.read_models SET state = 'retired' WHERE version = 2`)
	c.waitReadiness(t, func(_ int, body string) bool {
		return !strings.Contains(body, "timestamp/v2") && strings.Contains(body, "timestamp/v1")
	}, "the retired version is still in readiness")
	w.produce(10)
	w.eventually(countRows, "520")
	if got := w.mustQuery(rowsOfSecond); got != "510" {
		t.Errorf("the retired version has %s rows", got)
	}
	w.mustExec(`UPDATE counterfoil.read_models SET state = 'building' WHERE version = 2`)
	w.eventually(stateOfSecond, "ready")
	w.eventually(rowsOfSecond, "520")
	if code, body := c.get(t, c.admin+"/metrics"); code != 200 || !strings.Contains(body, `counterfoil_lag_records{`) {
		t.Errorf("metrics answer %d: %s", code, body)
	}
}

func TestVersions_OneThatCannotRunTouchesNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	w.produce(1)
	w.eventually(countRows, "1")
	w.built()
	w.mustExec(`UPDATE counterfoil.read_models SET declaration = 'name: [', fingerprint = 'x' WHERE version = 2`)
	c.waitReadiness(t, func(code int, body string) bool {
		return code == 200 && strings.Contains(body, "timestamp/v2: ")
	}, "readiness does not tell of the version that cannot run")
	w.produce(1)
	w.eventually(countRows, "2")

	tx := w.begin()
	mustExec(t, tx, `DROP SCHEMA timestamp_v2 CASCADE`)
	mustExec(t, tx, `UPDATE counterfoil.read_models SET state = 'dropped' WHERE version = 2`)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.produce(1)
	w.eventually(countRows, "3")
	if got := w.mustQuery(`SELECT count(*) FROM pg_namespace WHERE nspname = 'timestamp_v2'`); got != "0" {
		t.Error("the dropped version came back")
	}
	c.waitReadiness(t, func(code int, body string) bool {
		return code == 200 && !strings.Contains(body, "timestamp/v2")
	}, "the dropped version is still in readiness")
}

func TestVersions_AFileIsWarnedOfUntilItIsThatOfTheNewestVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	file := filepath.Join(t.TempDir(), "timestamp.yaml")
	write := func(note string) {
		if err := os.WriteFile(file, fmt.Appendf(nil, second, w.topic, note), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(nullable)
	c := w.run("a", func(cfg *consumerservice.Config) { cfg.ReadModelsDir = filepath.Dir(file) })
	warns := func(want bool) {
		t.Helper()
		c.waitReadiness(t, func(code int, body string) bool {
			return code == 200 && strings.Contains(body, "the declaration of timestamp is not that of its newest version") == want
		}, fmt.Sprintf("readiness warns of the file: want %v", want))
	}
	warns(false)
	w.build("nullable: false")
	warns(true)
	write("nullable: false") // as whoever migrated it did, perhaps before
	warns(false)
	write("nonsense: [")
	warns(true)
}

func TestVersions_AMissingTopicIsWaitedForAndNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	topic := w.topic
	w.topic = kafkatest.Topic(t, 1) + ".missing"
	c := w.run("a", nil)
	c.waitReadiness(t, func(code int, body string) bool {
		return code == 503 && strings.Contains(body, "waiting for topics that do not exist: "+w.topic)
	}, "readiness does not name the missing topic")
	w.topic = topic
}

func TestVersions_ABuildStopsAtARecordThatOnlyTheServingVersionApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	w.produce(3)
	kafkatest.Produce(t, w.topic, kafkatest.Record{Value: []byte("parked by both")})
	w.eventually(checkpoint, "4")
	w.build("nullable: false")
	// It stands still without having parked anything, and says why, while the serving version goes on.
	waitFor(t, func() bool {
		_, metrics := c.get(t, c.admin+"/metrics")
		return strings.Contains(metrics, `counterfoil_batch_failures_total{code="build-stopped",read_model="timestamp",version="2"}`)
	}, func() string { return "the build did not stop" })
	if got := w.mustQuery(`SELECT count(*) FROM counterfoil.parked WHERE version = 2`); got != "0" {
		t.Errorf("%s records were parked", got)
	}
	w.produce(1)
	w.eventually(checkpoint, "5")
	w.mustExec(`UPDATE counterfoil.read_models SET allow_parked = true WHERE version = 2`)
	w.eventually(stateOfSecond, "ready")
	w.eventually(`SELECT count(*) FROM counterfoil.parked WHERE version = 2`, "5")
}

func TestVersions_DecisionsActOnAllThatHoldRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	w.built()
	w.eventually(`SELECT count(*) FROM counterfoil.parked WHERE state = 'waiting' GROUP BY version ORDER BY version`, "2\n2")
	w.decide(w.about(decision.Discard, 0))
	w.eventually(`SELECT effect FROM counterfoil.decisions`, "timestamp/v1: discarded; 2 that waited behind it went on; "+
		"timestamp/v2: discarded; 2 that waited behind it went on")
	w.eventually(`SELECT count(*) FROM counterfoil.parked WHERE state <> 'discarded'`, "0")
}

// One process builds a version for itself; the others leave it alone until it is ready, and then keep it current.
func TestVersions_AProcessOfItsOwnBuildsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.produce(20)
	w.eventually(countRows, "20")
	w.mustExec(`CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.builder = 'me'; RETURN NEW; END $$`)
	w.mustExec(`CREATE TRIGGER mine BEFORE INSERT ON counterfoil.read_models FOR EACH ROW EXECUTE FUNCTION mine()`)
	w.build(nullable)
	w.produce(20)
	w.eventually(countRows, "40")
	if got := w.mustQuery(`SELECT state || ' ' || builder FROM counterfoil.read_models WHERE version = 2`); got != "building me" {
		t.Fatalf("the version is %q", got)
	}
	builder := w.run("a", func(cfg *consumerservice.Config) {
		cfg.Only = &consumerservice.Only{ReadModel: "timestamp", Version: 2, Builder: "me"}
	})
	if err := builder.ended(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if got := w.mustQuery(`SELECT state || ' ' || builder FROM counterfoil.read_models WHERE version = 2`); got != "ready " {
		t.Errorf("the version is %q", got)
	}
	w.produce(20)
	w.eventually(rowsOfSecond, "60")
}

// The checkpoint of a held version stops exactly there, in the middle of a batch too, and goes on when the hold ends.
func TestVersions_AHeldCheckpointStopsExactlyThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	w.eventually(checkpoint, "0")
	w.mustExec(`UPDATE counterfoil.checkpoints SET hold_at = 7, hold_until = now() + interval '1 hour' WHERE group_id LIKE '%.timestamp.v1'`)
	tx := w.begin()
	mustExec(t, tx, lockCheckpoint) // the records queue behind it, and come together
	w.produce(1)
	w.waitForLocks(1)
	w.produce(19)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually(checkpoint, "7")
	w.eventually(countRows, "7")
	w.produce(20)
	waitFor(t, func() bool {
		_, metrics := c.get(t, c.admin+"/metrics")
		return strings.Contains(metrics, fmt.Sprintf(`counterfoil_lag_records{partition="0",read_model="timestamp",topic=%q,version="1"} 33`, w.topic))
	}, func() string { return "the held version does not show what it has not applied" })
	if got := w.mustQuery(checkpoint); got != "7" {
		t.Errorf("the held checkpoint moved to %s", got)
	}
	w.mustExec(`UPDATE counterfoil.checkpoints SET hold_at = 12 WHERE hold_at = 7`)
	w.eventually(checkpoint, "12")
	w.mustExec(`UPDATE counterfoil.checkpoints SET hold_until = now() WHERE hold_at = 12`)
	w.eventually(checkpoint, "40")
	w.eventually(countRows, "40")
	if _, metrics := c.get(t, c.admin+"/metrics"); strings.Contains(metrics, `counterfoil_batch_failures_total{`) {
		t.Error("waiting for the hold counts as a failure")
	}
}

func TestG7_ANewGroupReplaysEveryVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	first := w.run("a", nil)
	w.produce(100)
	w.eventually(countRows, "100")
	w.built()
	before := w.mustQuery(allRows) + w.mustQuery(allRowsOfSecond)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.mustExec(`TRUNCATE timestamp_v1.timestamp_records, timestamp_v2.timestamp_records`)
	w.run("b", nil)
	w.eventually(countRows, "100")
	w.eventually(rowsOfSecond, "100")
	if after := w.mustQuery(allRows) + w.mustQuery(allRowsOfSecond); after != before {
		t.Error("the rows after the replay are not those before")
	}
	if got := w.mustQuery(stateOfSecond); got != "ready" {
		t.Errorf("the second version is %s", got)
	}
}

// Every version is lost with the database; the models begin anew in the shape that their files say.
func TestG7_ADroppedDatabaseBeginsAnewFromTheFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	w.produce(20)
	w.eventually(countRows, "20")
	w.built()
	before := w.mustQuery(allRows)
	w.asSuperuser(`DROP DATABASE ` + w.db.Name + ` WITH (FORCE)`)
	w.eventually(`SELECT name, version, state FROM counterfoil.read_models`, "timestamp1serving")
	w.eventually(countRows, "20")
	if after := w.mustQuery(allRows); after != before {
		t.Error("the rows that came back are not those before")
	}
	c.waitReadiness(t, func(code int, body string) bool {
		return code == 200 && !strings.Contains(body, "timestamp/v2")
	}, "the version that is gone is still in readiness")
	if code, _ := c.get(t, c.admin+"/metrics"); code != 200 {
		t.Errorf("metrics answer %d", code)
	}
}
