package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// session is one running dev that the commands are tried on.
type session struct {
	dev  *running
	data string
}

// do runs a command on the session.
func (s session) do(t *testing.T, args ...string) result {
	t.Helper()
	return execute(t, append(args, "--data", s.data)...)
}

// ticketJSON is what send and get write for a program.
type ticketJSON struct {
	ID, Position, Outcome, Code string
	CorrelationID               string `json:"correlation_id"`
	ReadModel                   string `json:"read_model"`
	Row                         map[string]string
	TicketSeconds               float64 `json:"ticket_seconds"`
	OutcomeSeconds              float64 `json:"outcome_seconds"`
}

func decode[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || strings.Count(r.stdout, "\n") != 1 {
		t.Fatalf("not one line of JSON (%v):\n%s%s", err, r.stdout, r.stderr)
	}
	return v
}

func TestCommands_OnARunningDev(t *testing.T) {
	t.Parallel()
	data := filepath.Join(openDir(t), "data")
	s := session{startDev(t, data), data}
	t.Run("what dev suggests to paste", s.paste)
	t.Run("send", s.send)
	t.Run("get", s.get)
	t.Run("a parked command", s.parked)
	t.Run("status", s.status)
	t.Run("doctor", s.doctor)
	t.Run("decisions", s.decisions)
}

func (s session) paste(t *testing.T) {
	var suggested []string
	for line := range strings.Lines(s.dev.stdout.String()) {
		if strings.Contains(line, "curl ") {
			suggested = append(suggested, strings.TrimSpace(line))
		}
	}
	if len(suggested) != 2 {
		t.Fatalf("it suggests %q", suggested)
	}
	got := paste(t, suggested)
	row := map[string]string{}
	if err := json.Unmarshal([]byte(got), &row); err != nil || row["event_timestamp"] != "2009-09-28T19:03:12Z" || len(row) != 4 {
		t.Errorf("it answers %q, %v", got, err)
	}
}

func (s session) send(t *testing.T) {
	person := s.do(t, "send", "2009-09-28T21:03:12+02:00", "--wait", "30s").requireCode(t, 0)
	requireText(t, person.stdout, "ticket ", "timestamp.command.v1/", "applied", "2009-09-28T19:03:12Z", "timestamp/v1", "ticket after")

	correlation, key := uuid.NewString(), "key-"+uuid.NewString()
	first := decode[ticketJSON](t, s.do(t, "send", "-o", "json", "--idempotency-key", key, "--correlation-id", correlation).requireCode(t, 0))
	if first.Outcome != "pending" || first.CorrelationID != correlation || first.Position == "" || first.TicketSeconds <= 0 || first.OutcomeSeconds != 0 {
		t.Errorf("the ticket is %+v", first)
	}
	again := decode[ticketJSON](t, s.do(t, "send", "-o", "json", "--idempotency-key", key, "--wait=30s").requireCode(t, 0))
	if again.ID != first.ID || again.Outcome != "applied" || again.Row["id"] != first.ID || again.OutcomeSeconds < again.TicketSeconds {
		t.Errorf("the repeat is %+v, the first was %+v", again, first)
	}

	for _, wrong := range [][]string{{"tomorrow"}, {"--correlation-id=x"}, {"--idempotency-key=with space"}, {"--wait=soon"}, {"--wait=5"}} {
		s.do(t, append([]string{"send"}, wrong...)...).requireCode(t, 2)
	}
	away := s.do(t, "send", "--command-url", "http://127.0.0.1:1").requireCode(t, 1)
	requireText(t, away.stderr, "no answer from http://127.0.0.1:1", "--command-url")
}

func (s session) get(t *testing.T) {
	sent := decode[ticketJSON](t, s.do(t, "send", "-o", "json").requireCode(t, 0))
	got := decode[ticketJSON](t, s.do(t, "get", sent.ID, "-o", "json", "--wait=30s").requireCode(t, 0))
	if got.Outcome != "applied" || got.ReadModel != "timestamp/v1" || got.Row["command_id"] != sent.ID || got.OutcomeSeconds <= 0 {
		t.Errorf("it is %+v", got)
	}
	said := s.do(t, "get", sent.ID, "--position", sent.Position, "-v").requireCode(t, 0)
	requireText(t, said.stdout, "applied", sent.Position)
	requireText(t, said.stderr, s.dev.env["QUERY_URL"], filepath.Join(s.data, "env"))

	stranger := uuid.NewString()
	pending := s.do(t, "get", stranger).requireCode(t, 3)
	requireText(t, pending.stdout, "pending")
	never := s.do(t, "get", stranger, "--position", sent.Position, "-o", "json").requireCode(t, 3)
	requireText(t, never.stderr, "no-such-command", `"exit_code":3`)
	s.do(t, "get", "nonsense").requireCode(t, 2)
	s.do(t, "get", stranger, "--position", "nowhere").requireCode(t, 2)
}

func (s session) parked(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.dev.env["KAFKA_BROKER"]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	id := uuid.NewString()
	record := &kgo.Record{Topic: "timestamp.command.v1", Key: []byte(id), Value: []byte("not JSON")}
	if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	got := s.do(t, "get", id, "--wait=30s", "-o", "json").requireCode(t, 5)
	if ticket := decode[ticketJSON](t, got); ticket.Outcome != "parked" || ticket.Code != "undecodable" {
		t.Errorf("it is %+v", ticket)
	}
}

func (s session) status(t *testing.T) {
	person := s.do(t, "status").requireCode(t, 0)
	requireText(t, person.stdout, "READ MODEL", "timestamp/v1  serving", "timestamp.command.v1/5")
	all := decode[[]struct {
		Topic           string
		Partition       int32
		Checkpoint      *int64
		First, End, Lag int64
	}](t, s.do(t, "status", "-o", "json").requireCode(t, 0))
	var end int64
	for i, p := range all {
		if p.Checkpoint == nil || p.Lag != p.End-*p.Checkpoint || int(p.Partition) != i || p.Lag != 0 {
			t.Errorf("partition %d is %+v", i, p)
		}
		end += p.End
	}
	if len(all) != 6 || end < 5 {
		t.Errorf("%d partitions with %d records", len(all), end)
	}
	s.do(t, "status", "--broker", "127.0.0.1:1").requireCode(t, 1)
}

func (s session) doctor(t *testing.T) {
	person := s.do(t, "doctor").requireCode(t, 0)
	requireText(t, person.stdout, "ok ", "warning", "1 broker", "counterfoil_reader can only SELECT", "parked", "undecodable", s.dev.env["CONSUMER_URL"]+" is ready")

	ill := s.do(t, "doctor", "-o", "json", "--topic=nobody.made.this", "--query-url=http://127.0.0.1:1").requireCode(t, 1)
	failed := map[string]string{}
	for _, finding := range decode[[]struct {
		Check, Status, Detail string
		Do                    []string
	}](t, ill) {
		if finding.Status == "failed" {
			failed[finding.Check] = fmt.Sprint(finding.Detail, finding.Do)
		}
	}
	requireText(t, failed["command topic"], "nobody.made.this", "start the command-service")
	requireText(t, failed["query-service"], "no answer", "--query-url")
	if len(failed) != 2 {
		t.Errorf("failed are %q", failed)
	}
}

func TestCommands_SayHowTheyAreUsed(t *testing.T) {
	t.Parallel()
	requireText(t, execute(t, "--help").requireCode(t, 0).stdout, "Exit codes:", "NO_COLOR", "doctor")
	for _, command := range []string{"dev", "doctor", "send", "get", "status"} {
		requireText(t, execute(t, command, "--help").requireCode(t, 0).stdout, "Examples:", "counterfoil "+command)
	}
	for _, command := range []string{"plan", "migrate", "build", "verify", "switch", "rollback", "retire", "drop", "status", "history"} {
		requireText(t, execute(t, "readmodel", command, "--help").requireCode(t, 0).stdout, "Examples:", "counterfoil readmodel "+command)
	}
	for _, about := range []string{"", "doctor", "readmodel", "readmodel plan"} {
		words := strings.Fields(about)
		want := execute(t, append(words, "--help")...).requireCode(t, 0).stdout
		if got := execute(t, append([]string{"help"}, words...)...).requireCode(t, 0).stdout; got != want {
			t.Errorf("help %s is another text than %s --help:\n%s", about, about, got)
		}
	}
	requireText(t, execute(t, "help", "bogus").requireCode(t, 2).stderr, "bogus", "--help")
	requireText(t, execute(t).requireCode(t, 2).stderr, "counterfoil dev")
	requireText(t, execute(t, "bogus").requireCode(t, 2).stderr, "bogus", "--help")
	requireText(t, execute(t, "dev", "--command-port=65500").requireCode(t, 2).stderr, "65500")
	execute(t, "doctor", "--broker=nowhere").requireCode(t, 2)
	execute(t, "doctor", "--db-url=nonsense://").requireCode(t, 2)
	if build := decode[map[string]any](t, execute(t, "version", "-o", "json").requireCode(t, 0)); build["go"] == "" {
		t.Errorf("the build is %v", build)
	}
}
