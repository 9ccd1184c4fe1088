package versions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const declared = `name: trips
source: {topic: %s, format: json}
columns:
  - {name: id, type: int8, from: $offset}
  - {name: fare, type: "numeric(10,2)", from: $.fare}
primary_key: [id]
write: insert
`

// system is a topic with 20 records and a database in which trips/v1 serves them; no service runs.
type system struct {
	t     *testing.T
	topic string
	dir   string // of the declarations
	db    *pgtest.DB
	conn  *pgx.Conn
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{t: t, topic: kafkatest.Topic(t, 1), dir: t.TempDir(), db: pgtest.Database(t)}
	kafkatest.Produce(t, s.topic, make([]kafkatest.Record, 20)...)
	var err error
	if s.conn, err = pgx.Connect(t.Context(), s.db.OwnerURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close(context.WithoutCancel(t.Context())) })
	if err := postgres.Migrate(t.Context(), s.conn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	s.declare(fmt.Sprintf(declared, s.topic))
	s.run(0, "migrate", "trips", "--by=alice")
	s.apply(1)
	return s
}

func (s *system) declare(content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "trips.yaml"), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *system) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// apply does what consumers do with the 20 records.
func (s *system) apply(version int) {
	s.t.Helper()
	s.exec(`UPDATE counterfoil.read_models SET group_id = 'g.trips.v' || version`)
	s.exec(fmt.Sprintf(`INSERT INTO trips_v%d.trips (id, fare) SELECT n, n / 2.0 FROM generate_series(0, 19) n`, version))
	s.exec(`INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, $2, 0, 20)`, fmt.Sprintf("g.trips.v%d", version), s.topic)
}

// ready does what a consumer-service does with a version that caught up.
func (s *system) ready(version int) {
	s.t.Helper()
	s.exec(`UPDATE counterfoil.read_models SET state = 'ready', indexed = true WHERE version = $1`, version)
}

// run runs a command as the CLI does, and returns what it wrote; the code is how it must end.
func (s *system) run(code int, args ...string) string {
	s.t.Helper()
	var cli struct {
		ReadModel Commands `cmd:"" name:"readmodel"`
	}
	parser, err := kong.New(&cli, kong.Name("counterfoil"))
	if err != nil {
		s.t.Fatal(err)
	}
	args = append([]string{"readmodel"}, args...)
	args = append(args, "--data", filepath.Join(s.dir, "absent"), "--broker", kafkatest.Broker(s.t), "--db-url", s.db.OwnerURL)
	if strings.Contains("plan migrate verify", args[1]) {
		args = append(args, "--read-models", s.dir)
	}
	var json bool
	if args[2] == "-ojson" {
		args, json = append(args[:2:2], args[3:]...), true
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	var out, errOut bytes.Buffer
	parsed.BindTo(s.t.Context(), (*context.Context)(nil))
	err = parsed.Run(show.New(show.Options{Out: &out, Err: &errOut, JSON: json}))
	if exit.Code(err) != code {
		s.t.Fatalf("%q ended with %d (%v), want %d\n%s%s", args, exit.Code(err), err, code, out.String(), errOut.String())
	}
	return out.String() + errOut.String() + fmt.Sprint(err)
}

func requireText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in:\n%s", part, text)
		}
	}
}

func decode[T any](t *testing.T, text string) (v T) {
	t.Helper()
	line, _, _ := strings.Cut(text, "\n")
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return v
}

const second = `name: trips
source: {topic: %s, format: json}
columns:
  - {name: id, type: int8, from: $offset}
  - {name: price, type: "numeric(12,4)", from: $.fare}
primary_key: [id]
write: insert
indexes: [{columns: [price]}]
`

func (s *system) declareSecond() { s.declare(fmt.Sprintf(second, s.topic)) }

// applySecond fills the second version, whose column is called price.
func (s *system) applySecond() {
	s.exec(`ALTER TABLE trips_v2.trips RENAME COLUMN price TO fare`)
	s.apply(2)
	s.exec(`ALTER TABLE trips_v2.trips RENAME COLUMN fare TO price`)
}

func TestCommands_TakeAVersionThroughItsLife(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	same := s.run(0, "plan")
	requireText(t, same, "trips: nothing is needed", "v1, which is serving, has this shape")
	if strings.Contains(same, "to read") {
		t.Errorf("nothing is needed, and it says what there is to read:\n%s", same)
	}
	s.declareSecond()
	requireText(t, s.run(0, "plan", "trips"), "trips/v2 is needed", "column price is new", "column fare is gone", "the index on price is new",
		"20 records", "from offset 0 on", "20000 records a second, which is assumed", "as trips/v1 takes", "counterfoil readmodel migrate trips")
	planned := decode[[]Planned](t, s.run(0, "plan", "-ojson"))
	if len(planned) != 1 || !planned[0].Needed || planned[0].Version != 2 || planned[0].Records != 20 || planned[0].Serving != 1 || planned[0].LostBefore || planned[0].Bytes == 0 || planned[0].TableBytes == 0 {
		t.Errorf("the plan is %+v", planned)
	}
	requireText(t, s.run(3, "build", "trips", "9"), "not there: trips/v9")
	requireText(t, s.run(0, "migrate"), "trips/v2 was made", "counterfoil readmodel build trips 2")
	requireText(t, s.run(0, "migrate"), "nothing is needed")
	requireText(t, s.run(0, "plan"), "nothing is needed", "v2, which is planned, has this shape", "to read", "20 records", "counterfoil readmodel build trips 2")
	requireText(t, s.run(6, "switch", "trips", "--to=2"), "is planned")
	requireText(t, s.run(0, "build", "trips", "--no-wait", "--allow-parked=why"), "trips/v2 is building; watch it")
	requireText(t, s.run(3, "build", "trips", "v2", "--timeout=50ms"), "is still being built", "0 of 20 records")
	s.applySecond()
	s.ready(2)
	requireText(t, s.run(0, "build", "trips", "2"), "trips/v2 is ready", "counterfoil readmodel verify trips 2")
	requireText(t, s.run(6, "switch", "trips", "--to=2"), "not verified", "counterfoil readmodel verify trips 2")
	requireText(t, s.run(0, "verify", "trips"), "equal: trips/v2 says what trips/v1 says, in 20 rows", "id, price (was fare)")
	requireText(t, s.run(0, "switch", "trips", "--to=2", "--reason=nicer"), "trips/v2 serves; back to v1: counterfoil readmodel rollback trips")
	requireText(t, s.run(0, "switch", "trips", "--to=2"), "serves already")
	requireText(t, s.run(0, "rollback", "trips"), "trips/v1 serves")
	if served := decode[Served](t, s.run(0, "rollback", "-ojson", "trips")); served != (Served{"trips", 2, 1}) {
		t.Errorf("switched %+v", served)
	}
	requireText(t, s.run(0, "status"), "trips/v1  ready, previous", "trips/v2  serving", "equal with v1")
	requireText(t, s.run(6, "drop", "trips", "2"), "trips/v2 serves")
	requireText(t, s.run(6, "drop", "trips", "1"), "rollback", "--force")
	requireText(t, s.run(0, "retire", "trips", "1", "--force"), "trips/v1 is retired")
	requireText(t, s.run(0, "drop", "trips", "1", "--by=bob"), "trips/v1 is dropped")
	overviews := decode[[]Overview](t, s.run(0, "status", "-ojson"))
	if len(overviews) != 2 || overviews[0].State != "dropped" || overviews[0].Lag != nil || *overviews[1].Lag != 0 || overviews[1].Bytes == 0 {
		t.Errorf("the status is %+v", overviews)
	}
	requireText(t, s.run(0, "history", "trips"), "serving", "alice", "nicer", "replaced", "by v2", "allowed", "why", "verified", "against v1, hash ", "rows 20", "records 20", "rollback", "retired", "dropped", "bob")
	events := decode[[]readmodel.Event](t, s.run(0, "history", "-ojson"))
	if len(events) < 10 || events[0].Event != "serving" || events[0].At.IsZero() {
		t.Errorf("the history is %+v", events)
	}
}

func TestVerify_ShowsTheRowsThatDiffer(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.declareSecond()
	s.run(0, "migrate")
	s.run(0, "build", "trips", "2", "--no-wait")
	s.applySecond()
	s.ready(2)
	s.exec(`UPDATE trips_v2.trips SET price = 77 WHERE id = 13`)
	s.exec(`DELETE FROM trips_v2.trips WHERE id = 4`)
	requireText(t, s.run(1, "verify", "trips", "2"), "different: trips/v2", "1 missing, 1 changed", "price in 1", `changed  id=13  price   "6.5"  "77"`, "missing  id=4", "expected_differences")
	report := decode[readmodel.Report](t, s.run(1, "verify", "-ojson", "trips", "2"))
	if report.Equal || report.Missing != 1 || report.Changed != 1 || len(report.Examples) != 2 {
		t.Errorf("the report is %+v", report)
	}
	requireText(t, s.run(6, "switch", "trips", "--to=2"), "differs")
	// What is meant is written down after the version was made.
	s.declare(fmt.Sprintf(second, s.topic) + "expected_differences: [{column: price, reason: cents}, {rows: missing, reason: a test}]\n")
	requireText(t, s.run(0, "verify", "trips", "2"), "equal:", "price: cents (found in 1)", "rows missing: a test (found in 1)")
	requireText(t, s.run(0, "switch", "trips", "--to=2"), "serves")
}

func TestCommands_SayWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireText(t, s.run(3, "plan", "rides"), "no read model rides is declared", "--read-models")
	requireText(t, s.run(3, "status", "rides"), "no such read model")
	requireText(t, s.run(3, "build", "rides"), "no version of rides")
	requireText(t, s.run(2, "build", "trips", "two"), `"two" is not the number`)
	requireText(t, s.run(2, "switch", "trips", "--to=0"), "is not the number")
	requireText(t, s.run(6, "rollback", "trips"), "no version of trips served before")
	requireText(t, s.run(3, "switch", "trips", "--to=7"), "trips/v7", "readmodel status")
	s.declare("name: Trips")
	requireText(t, s.run(2, "plan"), "trips.yaml:1: name")
	s.exec(`DROP SCHEMA counterfoil CASCADE`)
	requireText(t, s.run(3, "history"), "no control tables", "consumer-service")
}

func TestCommands_TheSecondOperatorHearsWhoIsFirst(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	other, err := pgx.Connect(t.Context(), s.db.OwnerURL+"&application_name=counterfoil%20readmodel%20verify%20trips%20by%20alice")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.WithoutCancel(t.Context())) })
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock(1668248942, hashtext('trips'))`); err != nil {
		t.Fatal(err)
	}
	s.declareSecond()
	requireText(t, s.run(7, "migrate"), "already running", "by alice")
}

func TestPace_TellsRateAndTimeLeft(t *testing.T) {
	t.Parallel()
	var p pace
	v := readmodel.Version{Name: "trips", Number: 2}
	began := time.Unix(0, 0)
	for i := range int64(21) {
		p.add(began.Add(time.Duration(i)*time.Second), i*1000)
	}
	if got := p.describe(v, readmodel.Progress{Applied: 20_000, Target: 50_000}); got != "trips/v2  40 %  20 000 of 50 000 records  1 000/s  30s left" {
		t.Errorf("it says %q", got)
	}
	if p.stands(began.Add(30 * time.Second)) {
		t.Error("it stands, though records were applied")
	}
	if !p.stands(began.Add(36*time.Second)) || p.stands(began.Add(37*time.Second)) {
		t.Error("that it stands still is told once")
	}
	if got := p.describe(v, readmodel.Progress{Applied: 50_000, Target: 50_000}); !strings.Contains(got, "catching up") {
		t.Errorf("it says %q", got)
	}
}
