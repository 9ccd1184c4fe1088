package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestG1_ATicketNamesTheRecordThatKafkaKeeps(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.Kafka)
	held := mustPost(t, s, "/api/v1/timestamp/2009-09-28T21:03:12.250+02:00")
	record := s.Record(t, held.position)
	if string(record.Key) != held.id {
		t.Errorf("the record's key is %q, want %q", record.Key, held.id)
	}
	want := fmt.Sprintf(`{"command_id":"%s","event_timestamp":"2009-09-28T19:03:12.25Z"}`, held.id)
	if string(record.Value) != want {
		t.Errorf("the record is %s, want %s", record.Value, want)
	}
	members, err := mustRead(t, s, held.id).Strings()
	if err != nil {
		t.Fatal(err)
	}
	if got := members["event_timestamp"]; got != "2009-09-28T19:03:12.25Z" {
		t.Errorf("the event time is %s", got)
	}
	// G7: the time of the record in Kafka, not that of a service.
	if got, want := members["created_at"], record.Timestamp.UTC().Format(time.RFC3339Nano); got != want {
		t.Errorf("created_at is %s, the record's time is %s", got, want)
	}
}

func TestG1_EveryTicketIsKeptThoughTheServiceIsKilled(t *testing.T) {
	t.Parallel()
	s := stack.Prepare(t, stack.Config{})
	s.StartCommand(t)
	s.AwaitReady(t)
	load := startLoad(t, s, 8)
	load.await(200)
	s.CommandProcess.Kill(t)
	tickets := load.stop()
	var kept []string
	for _, record := range s.Kafka(t).Records(s.Topic, len(tickets)) {
		kept = append(kept, string(record.Key))
	}
	slices.Sort(kept)
	for _, held := range tickets {
		if _, found := slices.BinarySearch(kept, held.id); !found {
			t.Errorf("ticket %s was given and its record is not in Kafka", held.id)
		}
	}
	if surplus := len(kept) - len(tickets); surplus > 8 {
		t.Errorf("%d records without a ticket, but only 8 clients waited when the service was killed", surplus)
	}
}

func TestTickets_SayWhatBecameOfTheCommand(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	outcome := func(id, position, want string) (body string) {
		t.Helper()
		answer := get(t, s.Query, "/api/v1/tickets/"+id+"?position="+position)
		if got := answer.Text("outcome"); got != want {
			t.Errorf("the outcome is %q, want %q: %s", got, want, answer.Body)
		}
		return answer.Body
	}
	applied := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z")
	mustRead(t, s, applied.id)
	outcome(applied.id, applied.position, "applied")

	// The read model is past this position, and has never heard of the id.
	never, err := s.Query.Get(t.Context(), "/api/v1/tickets/0199f1f4-6c1e-7b3a-9d0c-5b8e6f2a1c47?position="+applied.position)
	if err != nil {
		t.Fatal(err)
	}
	if never.Status != 404 || never.Text("code") != "no-such-command" {
		t.Errorf("a command that never was is answered %d %s", never.Status, never.Body)
	}
	// Without the position nobody can tell.
	vague := get(t, s.Query, "/api/v1/tickets/0199f1f4-6c1e-7b3a-9d0c-5b8e6f2a1c47")
	if vague.Text("outcome") != "pending" {
		t.Errorf("a command that never was is answered %s without its position", vague.Body)
	}

	if err := s.ConsumerProcess.Stop(); err != nil {
		t.Fatal(err)
	}
	later := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:06Z")
	body := outcome(later.id, later.position, "pending")
	if !strings.Contains(body, `"records_ahead":0`) {
		t.Errorf("it is the only one that is not applied, but the answer is %s", body)
	}
	s.StartConsumer(t)
	answer := get(t, s.Query, "/api/v1/tickets/"+later.id+"?wait=30s&position="+later.position)
	if answer.Text("outcome") != "applied" {
		t.Errorf("with the consumer back the answer is %s", answer.Body)
	}
}
