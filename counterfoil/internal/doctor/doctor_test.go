package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patient is a system without services: a topic with three records and a database with the built-in read model.
type patient struct {
	topic string
	db    *pgtest.DB
	conn  *pgx.Conn
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{topic: kafkatest.Topic(t, 1), db: pgtest.Database(t)}
	kafkatest.Produce(t, p.topic, kafkatest.Record{}, kafkatest.Record{}, kafkatest.Record{})
	var err error
	if p.conn, err = pgx.Connect(t.Context(), p.db.OwnerURL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.conn.Close(context.WithoutCancel(t.Context())) })
	return p
}

// prepare does what the consumer-service does at its start, and applies two of the three records.
func (p *patient) prepare(t *testing.T) *patient {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if err := postgres.Migrate(t.Context(), p.conn, log); err != nil {
		t.Fatal(err)
	}
	declarations, err := readmodel.Load("", map[string]string{"KAFKA_CONSUMER_TOPIC": p.topic})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range declarations {
		if err := readmodel.Ensure(t.Context(), p.conn, d, log); err != nil {
			t.Fatal(err)
		}
		if err := readmodel.SetGroup(t.Context(), p.conn, d, "group"); err != nil {
			t.Fatal(err)
		}
	}
	p.exec(t, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ('group', $1, 0, 2)`, p.topic)
	return p
}

func (p *patient) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	if _, err := p.conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// examine runs doctor and returns its findings by check, and its error.
func (p *patient) examine(t *testing.T) (map[string][]Finding, error) {
	t.Helper()
	var out bytes.Buffer
	c := &Command{Broker: kafkatest.Broker(t), DBURL: p.db.OwnerURL, Topic: p.topic, Data: filepath.Join(t.TempDir(), "absent"),
		CommandURL: "http://127.0.0.1:1", QueryURL: "http://127.0.0.1:1", ConsumerURL: "http://127.0.0.1:1"}
	err := c.Run(t.Context(), show.New(show.Options{Out: &out, Err: &bytes.Buffer{}, JSON: true}))
	var all []Finding
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	byCheck := map[string][]Finding{}
	for _, f := range all {
		byCheck[f.Check] = append(byCheck[f.Check], f)
	}
	return byCheck, err
}

// require fails the test unless the check found that, and says what to do about a fault.
func require(t *testing.T, found map[string][]Finding, check string, status Status, parts ...string) {
	t.Helper()
	for _, f := range found[check] {
		text := f.Detail + " " + strings.Join(f.Do, " ")
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(text, part)
		}
		if f.Status == status && !missing {
			if status == Failed && len(f.Do) == 0 {
				t.Errorf("%s does not say what to do: %q", check, f.Detail)
			}
			return
		}
	}
	t.Errorf("%s: want %s with %q, got %+v", check, status, parts, found[check])
}

func TestDoctor_FindsNothingWrongWhereNothingIs(t *testing.T) {
	t.Parallel()
	found, err := newPatient(t).prepare(t).examine(t)
	for _, check := range []string{"command topic", "database", "migrations", "roles", "read models", "parked records"} {
		require(t, found, check, OK)
	}
	require(t, found, "checkpoints", OK, "1 partition, 1 record still to be applied")
	for _, service := range []string{"command-service", "query-service", "consumer-service"} {
		require(t, found, service, Failed, "no answer")
	}
	if err == nil {
		t.Error("failed checks are no error")
	}
}

func TestDoctor_SaysWhatToDoAboutATopicThatWasDeleted(t *testing.T) {
	t.Parallel()
	p := newPatient(t).prepare(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(kafkatest.Broker(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := kadm.NewClient(client).DeleteTopic(t.Context(), p.topic); err != nil {
		t.Fatal(err)
	}
	found, _ := p.examine(t)
	require(t, found, "command topic", Failed, "does not exist", "start the command-service")
	require(t, found, "checkpoints", Failed, "does not exist any more", "restore the topic", "counterfoil history accept")
}

func TestDoctor_SaysWhatAnEmptyDatabaseNeeds(t *testing.T) {
	t.Parallel()
	found, _ := newPatient(t).examine(t)
	require(t, found, "migrations", Failed, "no control tables", "start the consumer-service")
	require(t, found, "read models", Failed, "start the consumer-service")
	require(t, found, "roles", Skipped)
	require(t, found, "checkpoints", Skipped)
}

func TestDoctor_SaysWhatIsWrongWithRoles(t *testing.T) {
	t.Parallel()
	p := newPatient(t).prepare(t)
	p.exec(t, `GRANT INSERT ON timestamp_v1.timestamp_records TO counterfoil_reader`)
	p.exec(t, `REVOKE UPDATE ON counterfoil.checkpoints FROM counterfoil_writer`)
	found, _ := p.examine(t)
	require(t, found, "roles", Failed, "counterfoil_reader has INSERT on table timestamp_v1.timestamp_records", "revoke")
	require(t, found, "roles", Failed, "counterfoil_writer lacks UPDATE on table counterfoil.checkpoints", "grants")
}

func TestDoctor_SaysThatHistoryIsLost(t *testing.T) {
	t.Parallel()
	p := newPatient(t).prepare(t)
	p.exec(t, `UPDATE counterfoil.checkpoints SET next_offset = 9`)
	found, _ := p.examine(t)
	require(t, found, "checkpoints", Failed, "ends at offset 3, but 9 is the next to apply", "counterfoil history accept")
	p.exec(t, `UPDATE counterfoil.checkpoints SET next_offset = 3, topic_id = gen_random_uuid()`)
	found, _ = p.examine(t)
	require(t, found, "checkpoints", Failed, "re-created")
}

func TestDoctor_NamesWhatIsMissingOfAReadModel(t *testing.T) {
	t.Parallel()
	p := newPatient(t).prepare(t)
	p.exec(t, `UPDATE counterfoil.read_models SET state = 'ready'`)
	found, _ := p.examine(t)
	require(t, found, "read models", Failed, "no version of timestamp serves")
	p.exec(t, `DROP TABLE timestamp_v1.timestamp_records`)
	found, _ = p.examine(t)
	require(t, found, "read models", Failed, "has no table timestamp_v1.timestamp_records", "restart")
}

func TestDoctor_WarnsOfParkedRecords(t *testing.T) {
	t.Parallel()
	p := newPatient(t).prepare(t)
	p.exec(t, `INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset", state, code, reason, correlation_id, headers)
		VALUES ('timestamp', 1, $1, 0, 1, 'parked', 'undecodable', 'why', '', '[]')`, p.topic)
	found, _ := p.examine(t)
	require(t, found, "parked records", Warning, "1 record of timestamp/v1 parked with code undecodable", "counterfoil parked list")
}

func TestDoctor_GoesOnWithoutServers(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.db = &pgtest.DB{OwnerURL: "postgres://nobody:secret@127.0.0.1:1/counterfoil"}
	found, _ := p.examine(t)
	require(t, found, "database", Failed, "nobody@127.0.0.1:1/counterfoil", "--db-url")
	for _, f := range found["database"] {
		if strings.Contains(f.Detail, "secret") {
			t.Errorf("it tells the password: %s", f.Detail)
		}
	}
	require(t, found, "command topic", OK)
	require(t, found, "read models", Skipped)
}

func TestDoctor_TellsAMissingDatabaseFromAMissingServer(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	url, err := url.Parse(p.db.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	url.Path = "/absent"
	p.db = &pgtest.DB{OwnerURL: url.String()}
	found, _ := p.examine(t)
	require(t, found, "database", Failed, `database "absent" does not exist`, "consumer-service", "creates it", "--db-url")
	for _, f := range found["database"] {
		if strings.Contains(strings.Join(f.Do, " "), "start PostgreSQL") {
			t.Errorf("PostgreSQL runs, and it says %q", f.Do)
		}
	}
	require(t, found, "migrations", Skipped)
}

func TestDoctor_KnowsTheVersionsOfAReadModel(t *testing.T) {
	t.Setenv("KAFKA_CONSUMER_TOPIC", "")
	p := newPatient(t).prepare(t)
	found, _ := p.examine(t)
	require(t, found, "declarations", Warning, "the list of topics was "+p.topic, "counterfoil readmodel plan timestamp")
	t.Setenv("KAFKA_CONSUMER_TOPIC", p.topic)
	found, _ = p.examine(t)
	require(t, found, "declarations", OK, "timestamp/v1 as declared")

	p.exec(t, `INSERT INTO counterfoil.read_models (name, version, schema_name, table_name, fingerprint, declaration, state, group_id)
		SELECT name, 2, 'timestamp_v2', table_name, 'f', declaration, 'planned', 'g2' FROM counterfoil.read_models`)
	p.exec(t, `CREATE SCHEMA timestamp_v2; CREATE TABLE timestamp_v2.timestamp_records ()`)
	p.exec(t, `INSERT INTO counterfoil.build_targets VALUES ('timestamp', 2, $1, 0, 3)`, p.topic)
	found, _ = p.examine(t)
	require(t, found, "read models", OK, "timestamp/v2 is planned", "readmodel build timestamp 2")
	p.exec(t, `UPDATE counterfoil.read_models SET state = 'building', changed_at = now() WHERE version = 2`)
	found, _ = p.examine(t)
	require(t, found, "read models", OK, "timestamp/v2 is building, 0 of 3 records")
	p.exec(t, `UPDATE counterfoil.read_models SET changed_at = now() - interval '1 hour' WHERE version = 2`)
	found, _ = p.examine(t)
	require(t, found, "read models", Failed, "stands still since", "consumer-service", "readmodel retire timestamp 2")
	p.exec(t, `UPDATE counterfoil.read_models SET builder = 'host-7' WHERE version = 2`)
	found, _ = p.examine(t)
	require(t, found, "read models", Failed, "host-7, which is gone", "readmodel build timestamp 2")
	p.exec(t, `UPDATE counterfoil.read_models SET builder = '', state = 'dropped' WHERE version = 2`)
	p.exec(t, `DROP SCHEMA timestamp_v2 CASCADE`)
	if found, _ = p.examine(t); len(found["read models"]) != 1 {
		t.Errorf("of a dropped version it says %+v", found["read models"])
	}
}
