package consumerservice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	consumerservice "github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/service"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(kafkatest.Stopping(pgtest.Stopping(m)),
		// The metrics library of sarama has one goroutine for the whole process, which nothing ends.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"))
}

// world is a topic, a database, and the consumers that a test runs on them.
type world struct {
	t       *testing.T
	brokers string
	topic   string
	control string
	db      *pgtest.DB
}

func newWorld(t *testing.T, partitions int32) *world {
	t.Helper()
	return &world{t: t, brokers: kafkatest.Broker(t), topic: kafkatest.Topic(t, partitions), control: kafkatest.Topic(t, 1), db: pgtest.Database(t)}
}

// consumer is a running consumer-service.
type consumer struct {
	public, admin string
	stop          func() error
	ended         func() error // waits until it has ended by itself
}

// run starts a consumer-service; it is stopped at the end of the test unless the test does it.
func (w *world) run(group string, change func(*consumerservice.Config)) *consumer {
	w.t.Helper()
	var cfg consumerservice.Config
	if err := service.FromEnvironment(&cfg); err != nil {
		w.t.Fatal(err)
	}
	cfg.Kafka.Brokers = strings.Split(w.brokers, ",")
	cfg.ConsumerTopic, cfg.ControlTopic, cfg.GroupID = w.topic, w.control, w.topic+"."+group
	cfg.Database.URL = w.db.WriterURL
	owner, err := pgx.ParseConfig(w.db.OwnerURL)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.OwnerUsername, cfg.OwnerPassword = owner.User, owner.Password
	cfg.Listener, cfg.AdminListener = listener(w.t), listener(w.t)
	cfg.LogOutput = w.t.Output()
	if change != nil {
		change(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumerservice.Run(ctx, cfg) }()
	c := &consumer{public: "http://" + cfg.Listener.Addr().String(), admin: "http://" + cfg.AdminListener.Addr().String()}
	c.ended = func() error {
		err := <-ended
		ended <- err
		return err
	}
	c.stop = func() error {
		cancel()
		return c.ended()
	}
	w.t.Cleanup(func() {
		if err := c.stop(); err != nil {
			w.t.Errorf("the consumer ended with %v", err)
		}
	})
	return c
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// query returns the rows as text, one line each, as the owner.
func (w *world) query(sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.db.OwnerURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		return fmt.Sprint(values...), err
	})
	return strings.Join(lines, "\n"), err
}

func (w *world) mustQuery(sql string) string {
	w.t.Helper()
	result, err := w.query(sql)
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return result
}

// eventually waits until the query gives the result.
func (w *world) eventually(sql, want string) {
	w.t.Helper()
	var got string
	var err error
	waitFor(w.t, func() bool {
		got, err = w.query(sql)
		return err == nil && got == want
	}, func() string { return fmt.Sprintf("%s gives %q (%v), want %q", sql, got, err, want) })
}

// waitFor waits until the condition holds and fails the test with what is said of it otherwise.
func waitFor(t *testing.T, condition func() bool, say func() string) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatal(say())
		case <-tick.C:
		}
	}
}

// waitReadiness waits until readiness answers as it is wanted; complaint says what is wrong with it as long as it does not.
func (c *consumer) waitReadiness(t *testing.T, wanted func(status int, body string) bool, complaint string) {
	t.Helper()
	var status int
	var body string
	waitFor(t, func() bool {
		status, body = c.get(t, c.public+"/readyz?verbose")
		return wanted(status, body)
	}, func() string { return fmt.Sprintf("%s: %d\n%s", complaint, status, body) })
}

func (c *consumer) get(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// timestamp returns a good record.
func timestamp(id uuid.UUID, at string) kafkatest.Record {
	value, err := json.Marshal(map[string]string{"command_id": id.String(), "event_timestamp": at})
	if err != nil {
		panic(err)
	}
	return kafkatest.Record{Key: []byte(id.String()), Value: value}
}

const (
	checkpoint = `SELECT next_offset FROM counterfoil.checkpoints WHERE group_id LIKE '%.timestamp.v1'`
	countRows  = `SELECT count(*) FROM timestamp_v1.timestamp_records`
	allRows    = `SELECT id::text, event_timestamp, created_at FROM timestamp_v1.timestamp_records ORDER BY id`
)

func TestG7_ARowSaysWhatTheRecordSaysAndTheBrokersTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	id := uuid.New()
	kafkatest.Produce(t, w.topic, timestamp(id, "2009-09-28T21:03:12.5+02:00"))
	w.eventually(countRows, "1")
	stamp := kafkatest.Records(t, w.topic, 1)[0].Timestamp
	got := w.mustQuery(`SELECT id::text, to_char(event_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
		(extract(epoch FROM created_at) * 1000)::bigint FROM timestamp_v1.timestamp_records`)
	if want := fmt.Sprint(id.String(), "2009-09-28 19:03:12.500000", stamp.UnixMilli()); got != want {
		t.Errorf("the row is %q, want %q", got, want)
	}
}

func TestG3_ARepeatChangesNothingAndADifferingOneIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	id := uuid.New()
	first := timestamp(id, "2020-01-01T00:00:00Z")
	kafkatest.Produce(t, w.topic, first)
	w.eventually(countRows, "1")
	before := w.mustQuery(allRows)
	kafkatest.Produce(t, w.topic, first, timestamp(id, "2021-01-01T00:00:00Z"))
	w.eventually(checkpoint, "3")
	if after := w.mustQuery(allRows); after != before {
		t.Errorf("the repeats changed %q to %q", before, after)
	}
	waitFor(t, func() bool {
		_, metrics := c.get(t, c.admin+"/metrics")
		return strings.Contains(metrics, `counterfoil_differing_repeats_total{read_model="timestamp",version="1"} 1`)
	}, func() string { return "the differing repeat was not counted" })
}

func TestG5_PoisonedRecordsAreParkedWholeAndTheOthersApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	good1, good2 := uuid.New(), uuid.New()
	id := uuid.New().String()
	value := func(text string) kafkatest.Record {
		return kafkatest.Record{Key: []byte(uuid.New().String()), Value: []byte(text)}
	}
	poison := []struct {
		code   string
		record kafkatest.Record
	}{
		{"undecodable", value(`nonsense`)},
		{"undecodable", value(strings.Repeat("[", 300_000))},
		{"undecodable", value(`["command_id"]`)},
		{"undecodable", kafkatest.Record{Key: []byte(uuid.New().String())}},
		{"undecodable", value("\x00\xff\xfe")},
		{"missing-field", value(`{}`)},
		{"missing-field", value(`{"command_id":null,"event_timestamp":"2020-01-01T00:00:00Z"}`)},
		{"impossible-value", value(`{"command_id":7,"event_timestamp":"2020-01-01T00:00:00Z"}`)},
		{"impossible-value", value(`{"command_id":"x","event_timestamp":"2020-01-01T00:00:00Z"}`)},
		{"impossible-value", value(`{"command_id":"` + id + `","event_timestamp":"2020-01-01T00:00:00.1234567Z"}`)},
		{"impossible-value", value(`{"command_id":"` + id + `","event_timestamp":"yesterday"}`)},
		{"key-mismatch", value(`{"command_id":"` + uuid.New().String() + `","event_timestamp":"2020-01-01T00:00:00Z"}`)},
		{"undecodable", kafkatest.Record{
			Key:   []byte("\xff\x00" + strings.Repeat("k", 5000)),
			Value: []byte("{"), Headers: []kafkatest.Header{{Name: "correlationId", Value: []byte("\xff\x00evil")}, {Name: "\x00", Value: nil}},
		}},
	}
	records := []kafkatest.Record{timestamp(good1, "2020-01-01T00:00:00Z")}
	want := make([]string, len(poison))
	for i, p := range poison {
		records = append(records, p.record)
		want[i] = fmt.Sprint(int64(i+1), p.code)
	}
	records = append(records, timestamp(good2, "2020-01-02T00:00:00Z"))
	kafkatest.Produce(t, w.topic, records...)
	w.eventually(checkpoint, fmt.Sprint(len(records)))
	w.eventually(countRows, "2")
	got := w.mustQuery(`SELECT "offset", code FROM counterfoil.parked ORDER BY "offset"`)
	if got != strings.Join(want, "\n") {
		t.Errorf("parked:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
	bytes := w.mustQuery(`SELECT encode(value, 'escape'), encode(key, 'escape') = '` + string(records[1].Key) + `' FROM counterfoil.parked WHERE "offset" = 1`)
	if bytes != fmt.Sprint("nonsense", true) {
		t.Errorf("the bytes were not kept: %q", bytes)
	}
}

func TestG7_ANewGroupPutsEveryRowBackIdentical(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	first := w.run("a", nil)
	var records []kafkatest.Record
	for i := range 500 {
		records = append(records, timestamp(uuid.New(), time.Unix(int64(i), 0).UTC().Format(time.RFC3339)))
	}
	kafkatest.Produce(t, w.topic, records...)
	w.eventually(countRows, "500")
	before := w.mustQuery(allRows)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.mustQuery(`TRUNCATE timestamp_records`)
	w.run("b", nil)
	w.eventually(countRows, "500")
	if after := w.mustQuery(allRows); after != before {
		t.Error("the rows after the rebuild are not those before")
	}
}

func TestG7_ADroppedDatabaseComesBackWithoutAnyChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.run("a", nil)
	var records []kafkatest.Record
	for range 300 {
		records = append(records, timestamp(uuid.New(), "2020-01-01T00:00:00Z"))
	}
	kafkatest.Produce(t, w.topic, records...)
	w.eventually(countRows, "300")
	before := w.mustQuery(allRows)
	w.asSuperuser(`DROP DATABASE ` + w.db.Name + ` WITH (FORCE)`)
	kafkatest.Produce(t, w.topic, timestamp(uuid.New(), "2020-01-01T00:00:00Z")) // life goes on
	w.eventually(countRows, "301")
	kept := 0
	after := w.mustQuery(allRows)
	for line := range strings.Lines(before + "\n") {
		if strings.Contains(after, strings.TrimSpace(line)) {
			kept++
		}
	}
	if kept != 300 {
		t.Errorf("%d of 300 rows came back identical", kept)
	}
}

func (w *world) asSuperuser(sql string) {
	w.t.Helper()
	cfg, err := pgx.ParseConfig(w.db.SuperURL)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Database = "postgres"
	conn, err := pgx.ConnectConfig(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) }()
	if _, err := conn.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

func TestHelpListsEveryVariable(t *testing.T) {
	t.Parallel()
	var help strings.Builder
	service.PrintUsage(&help, "consumer-service", &consumerservice.Config{})
	for _, variable := range []string{"SERVER_PORT", "KAFKA_BROKER", "KAFKA_CONSUMER_TOPIC", "KAFKA_GROUP_ID", "DB_URL", "DB_PASSWORD_FILE", "READ_MODELS_DIR"} {
		if !strings.Contains(help.String(), variable) {
			t.Errorf("%s is not in the help", variable)
		}
	}
	if testing.Verbose() {
		fmt.Fprintln(os.Stderr, help.String())
	}
}
