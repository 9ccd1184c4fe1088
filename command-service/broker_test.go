package commandservice_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

const short = 100 * time.Millisecond // an ACK_TIMEOUT that is meant to pass

// held is a broker that takes records but does not answer.
type held struct {
	arrived atomic.Int32 // requests that were held
	release func()
}

// hold makes the broker keep every produce request to itself until release, or until the test ends.
func hold(t *testing.T, broker *embedded.Broker) *held {
	t.Helper()
	released := make(chan struct{})
	h := &held{release: sync.OnceFunc(func() { close(released) })}
	cluster := broker.Cluster()
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		h.arrived.Add(1)
		cluster.SleepControl(func() { <-released })
		return nil, nil, false
	})
	t.Cleanup(h.release)
	return h
}

// onOwn runs a service on a broker that no other test sees.
func onOwn(t *testing.T, change ...func(*commandservice.Config)) (*running, *embedded.Broker, *kafkatest.Access) {
	t.Helper()
	broker := kafkatest.Own(t)
	access := kafkatest.At(t, broker.Addr())
	cfg := defaults(t, broker.Addr(), access.Topic(6))
	for _, c := range change {
		c(&cfg)
	}
	s := launch(t, cfg)
	s.ready()
	return s, broker, access
}

// metric returns the value of a series on the admin port, such as counterfoil_produce_in_flight.
func (s *running) metric(series string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.adminURL+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (.*)$`).FindStringSubmatch(s.send(request).body)
	if found == nil {
		return ""
	}
	return found[1]
}

func TestG1_NoTicketBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t)
	h := hold(t, broker)
	waiting := s.later("/app")
	eventually(t, "the broker holds the record", func() bool { return h.arrived.Load() > 0 })
	if a := s.do(http.MethodGet, "/health"); a.status != http.StatusOK {
		t.Errorf("others have to wait: %s", a)
	}
	select {
	case a := <-waiting:
		t.Fatalf("answered before the acknowledgement: %s", a)
	default:
	}
	h.release()
	id := await(t, "the ticket", waiting).ticket(t)
	if got := access.Records(s.topic, 1); len(got) != 1 || string(got[0].Key) != id.String() {
		t.Errorf("records %v, want the one of %s", got, id)
	}
}

// The ticket follows from nothing but all in-sync replicas: acks is -1 in every produce request.
func TestG1_EveryReplicaIsAskedFor(t *testing.T) {
	t.Parallel()
	s, broker, _ := onOwn(t)
	var others atomic.Int32
	broker.Cluster().ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if request.(*kmsg.ProduceRequest).Acks != -1 {
			others.Add(1)
		}
		return nil, nil, false
	})
	for range 5 {
		s.post("/app").ticket(t)
	}
	if n := others.Load(); n != 0 {
		t.Errorf("%d requests did not ask for all in-sync replicas", n)
	}
}

func TestG2_WithoutAcknowledgementTheOutcomeIsSaidToBeUnknown(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t, func(cfg *commandservice.Config) { cfg.AckTimeout = short })
	h := hold(t, broker)
	a := s.post("/api/v1/timestamp/2009-09-28T19:03:12Z", "Idempotency-Key: again", "correlationId: "+correlation)
	p := requireProblem(t, a, http.StatusServiceUnavailable, "outcome-unknown")
	readDocument(t).require(t, http.MethodPost, "/api/v1/timestamp/2009-09-28T19:03:12Z", a)
	if p.ID == "" || p.CorrelationID != correlation || a.header.Get("Location") != "http://query.example:7081/api/v1/timestamp/"+p.ID {
		t.Errorf("it does not say where to look: %s", a)
	}
	if a.header.Get("Ticket-Position") != "" {
		t.Errorf("it says where a record is that it does not know of: %s", a)
	}
	if lines := s.logs.find(map[string]any{"msg": "request", "code": "outcome-unknown", "command_id": p.ID, "correlation_id": correlation}); len(lines) != 1 {
		t.Errorf("%d lines say that the outcome of %s is unknown", len(lines), p.ID)
	}
	h.release()
	if got := access.Records(s.topic, 1); string(got[0].Key) != p.ID {
		t.Errorf("the record has the key %s, the client was told %s", got[0].Key, p.ID)
	}
	eventually(t, "the late acknowledgement is counted", func() bool { return s.metric("counterfoil_produce_late_acks_total") == "1" })
	if lines := s.logs.find(map[string]any{"msg": "acknowledged late", "key": p.ID, "correlation_id": correlation}); len(lines) != 1 {
		t.Errorf("%d lines say that %s was acknowledged late", len(lines), p.ID)
	}
	s.ready()
	// The client repeats it, as it was told to, and holds the same ticket.
	if id := s.post("/api/v1/timestamp/2009-09-28T19:03:12Z", "Idempotency-Key: again").ticket(t).String(); id != p.ID {
		t.Errorf("the repeat has ticket %s, the first one %s", id, p.ID)
	}
}

// The broker appended the record and says that it did not manage in time: the producer repeats it, and it is there once.
func TestG2_ARecordThatWasAppendedBeforeTheTimeoutIsThereOnce(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t)
	timedOut := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut, Count: 1})
	a := s.post("/app")
	id := a.ticket(t)
	if timedOut.Hits() != 1 {
		t.Fatalf("the broker answered %d times that it timed out", timedOut.Hits())
	}
	records := access.Records(s.topic, 1)
	if len(records) != 1 || string(records[0].Key) != id.String() {
		t.Fatalf("records %v, want one of %s", records, id)
	}
	if got, want := a.header.Get("Ticket-Position"), fmt.Sprintf("%s/%d@%d", s.topic, records[0].Partition, records[0].Offset); got != want {
		t.Errorf("Ticket-Position %q, want %q", got, want)
	}
}

func TestG2_ARecordThatWasAppendedButIsNeverAcknowledgedIsUnknown(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t, func(cfg *commandservice.Config) { cfg.AckTimeout = short })
	timedOut := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicasAfterAppend, Count: -1})
	p := requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "outcome-unknown")
	timedOut.Remove()
	if records := access.Records(s.topic, 1); len(records) != 1 || string(records[0].Key) != p.ID {
		t.Fatalf("records %v, want one of %s", records, p.ID)
	}
	eventually(t, "commands are kept again", func() bool { return s.post("/app").status == http.StatusOK })
}

func TestInFlight_OneTooManyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t, func(cfg *commandservice.Config) { cfg.MaxInFlight = 3 })
	h := hold(t, broker)
	var waiting []<-chan answer
	for range 3 {
		waiting = append(waiting, s.later("/app"))
	}
	eventually(t, "three are in flight", func() bool { return s.metric("counterfoil_produce_in_flight") == "3" })
	for range 5 {
		p := requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "too-many-in-flight")
		if p.ID != "" {
			t.Errorf("a ticket %s for a command that is not kept", p.ID)
		}
	}
	h.release()
	for _, w := range waiting {
		await(t, "a ticket", w).ticket(t)
	}
	s.post("/app").ticket(t)
	if records := access.Records(s.topic, 4); len(records) != 4 {
		t.Errorf("%d records, want the four that have tickets", len(records))
	}
}

// A client that was told that the outcome is unknown gives no place free: its record is still in memory.
func TestInFlight_UnknownOutcomesCountUntilTheyAreKnown(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t, func(cfg *commandservice.Config) { cfg.MaxInFlight, cfg.AckTimeout = 2, short })
	h := hold(t, broker)
	for range 2 {
		requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "outcome-unknown")
	}
	requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "too-many-in-flight")
	h.release()
	eventually(t, "there is room again", func() bool { return s.metric("counterfoil_produce_in_flight") == "0" })
	s.post("/app").ticket(t)
	if records := access.Records(s.topic, 3); len(records) != 3 {
		t.Errorf("%d records", len(records))
	}
}

func TestBroker_AwayAtTheStartIsWaitedFor(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	cfg := defaults(t, fmt.Sprintf("127.0.0.1:%d", port), "late")
	s := launch(t, cfg)
	if a := s.do(http.MethodGet, "/readyz"); a.status != http.StatusServiceUnavailable {
		t.Errorf("ready without Kafka: %s", a)
	}
	if a := s.do(http.MethodGet, "/livez"); a.status != http.StatusOK {
		t.Errorf("not alive without Kafka: %s", a)
	}
	if p := requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "broker-away"); p.ID != "" {
		t.Errorf("a ticket %s for a command that is not kept", p.ID)
	}
	requireProblem(t, s.post("/api/v1/timestamp/nonsense"), http.StatusBadRequest, "invalid-timestamp")
	eventually(t, "readiness says why", func() bool {
		return strings.Contains(s.do(http.MethodGet, "/readyz?verbose").body, "connect")
	})
	startBroker(t, "", port)
	s.ready()
	s.post("/app").ticket(t)
	if records := kafkatest.At(t, cfg.Kafka.Brokers[0]).Records("late", 1); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}

func TestBroker_AwayInBetweenIsWaitedFor(t *testing.T) {
	t.Parallel()
	dir, port := filepath.Join(t.TempDir(), "broker"), freePort(t)
	broker := startBroker(t, dir, port)
	cfg := defaults(t, broker.Addr(), "restarted")
	cfg.AckTimeout = short
	s := launch(t, cfg)
	s.ready()
	kept := map[string]bool{}
	eventually(t, "a command is kept", func() bool { return keep(t, s, kept) }) // the first one may take longer than short
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	unknown := map[string]bool{}
	for range 3 {
		a := s.post("/app")
		p := requireProblem(t, a, http.StatusServiceUnavailable, "outcome-unknown")
		unknown[p.ID] = true
	}
	eventually(t, "the service is not ready", func() bool { return s.do(http.MethodGet, "/readyz").status == http.StatusServiceUnavailable })
	startBroker(t, dir, port)
	eventually(t, "commands are kept again", func() bool { return keep(t, s, kept) })
	s.ready()
	// Everything that has a ticket is there once, and nothing that nobody asked for.
	times := map[string]int{}
	for _, record := range kafkatest.At(t, broker.Addr()).Records("restarted", len(kept)) {
		times[string(record.Key)]++
	}
	for id := range kept {
		if times[id] != 1 {
			t.Errorf("command %s has a ticket and is there %d times", id, times[id])
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("command %s is there %d times", id, n)
		}
	}
}

// keep posts a command and notes its id if it has a ticket.
func keep(t *testing.T, s *running, kept map[string]bool) bool {
	t.Helper()
	a := s.post("/app")
	if a.status != http.StatusOK {
		return false
	}
	kept[a.ticket(t).String()] = true
	return true
}

func startBroker(t *testing.T, dir string, port int) *embedded.Broker {
	t.Helper()
	broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	return broker
}

func TestTopic_IsCreatedWhereItIsMissing(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	cfg := defaults(t, broker.Addr(), "timestamp.command.v1")
	cfg.Partitions = 3
	s := launch(t, cfg)
	s.ready()
	info := broker.Cluster().TopicInfo("timestamp.command.v1")
	if info == nil {
		t.Fatal("the topic is not there")
	}
	for setting, want := range map[string]string{
		"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1",
		"message.timestamp.type": "LogAppendTime", "min.insync.replicas": "1",
	} {
		if got := info.Configs[setting]; got == nil || *got != want {
			t.Errorf("%s is not %s", setting, want)
		}
	}
	if n := len(broker.Cluster().PartitionInfos("timestamp.command.v1")); n != 3 {
		t.Errorf("%d partitions", n)
	}
	if a := s.do(http.MethodGet, "/readyz?verbose"); strings.Contains(a.body, "warning") {
		t.Errorf("warnings of the service's own topic: %s", a)
	}
	again := launch(t, cfg)
	again.ready()
	if a := again.do(http.MethodGet, "/readyz?verbose"); strings.Contains(a.body, "warning") {
		t.Errorf("a second process warns: %s", a)
	}
}

func TestTopic_SettingsThatEndangerThePromisesAreSaid(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	if err := broker.Cluster().CreateTopic("short-lived", 2, map[string]string{
		"retention.ms": "604800000", "cleanup.policy": "compact", "message.timestamp.type": "CreateTime",
	}); err != nil {
		t.Fatal(err)
	}
	s := launch(t, defaults(t, broker.Addr(), "short-lived"))
	s.ready() // it works all the same
	s.post("/app").ticket(t)
	verbose := s.do(http.MethodGet, "/readyz?verbose")
	readDocument(t).require(t, http.MethodGet, "/readyz?verbose", verbose)
	if !strings.Contains(verbose.body, `"warning":true`) {
		t.Errorf("no warning: %s", verbose)
	}
	warned := s.logs.find(map[string]any{"level": "WARN", "topic": "short-lived"})
	for _, cure := range []string{"set retention.ms=-1", "set cleanup.policy=delete", "set message.timestamp.type=LogAppendTime"} {
		if !strings.Contains(verbose.body, cure) {
			t.Errorf("/readyz?verbose does not say %q: %s", cure, verbose.body)
		}
		if !strings.Contains(fmt.Sprint(warned), cure) {
			t.Errorf("the log does not say %q: %v", cure, warned)
		}
	}
}
