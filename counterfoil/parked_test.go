package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// decisions shows and decides about records that cannot apply: one, and another of its key behind it.
func (s session) decisions(t *testing.T) {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.dev.env["KAFKA_BROKER"]))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	id := uuid.NewString()
	for _, value := range []string{"not \x1b[31mJSON", `{"command_id":"` + id + `","event_timestamp":"2020-01-01T00:00:00Z"}`} {
		record := &kgo.Record{Topic: "timestamp.command.v1", Key: []byte(id), Value: []byte(value),
			Headers: []kgo.RecordHeader{{Key: "correlationId", Value: []byte("trace-me")}}}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s.do(t, "get", id, "--wait=30s").requireCode(t, 5)

	at := s.find(t, "trace-me", "parked")
	requireText(t, s.do(t, "parked", "list", "--state=all").requireCode(t, 0).stdout, at, "undecodable", "trace-me")
	requireText(t, s.do(t, "parked", "show", at).requireCode(t, 0).stdout, `"not \x1b[31mJSON"`, id)
	requireText(t, s.do(t, "parked", "show", at, "-o", "json").requireCode(t, 0).stdout, `"value":"bm90IBtbMzFtSlNPTg=="`)

	// What does not say what, or why, decides nothing.
	s.do(t, "parked", "discard", at).requireCode(t, 2)
	s.do(t, "parked", "discard", "--reason=x").requireCode(t, 2)
	s.do(t, "parked", "discard", "nowhere", "--reason=x").requireCode(t, 2)
	s.do(t, "parked", "retry", "timestamp.command.v1/0@99999", "--reason=x").requireCode(t, 3)
	s.do(t, "parked", "list", "--since=yesterday").requireCode(t, 2)
	requireText(t, s.do(t, "parked", "replay-all", "--reason=x", "--dry-run").requireCode(t, 0).stdout, at, "would be decided")

	decide := func(code int, args ...string) string {
		outcomes := decode[[]target.Outcome](t, s.do(t, append(args, at, "--reason=the sender was wrong", "-o", "json")...).requireCode(t, code))
		if len(outcomes) != 1 || outcomes[0].Position != at {
			t.Fatalf("decided %+v", outcomes)
		}
		return outcomes[0].Effect
	}
	if effect := decide(5, "parked", "retry"); effect != "it still cannot apply" {
		t.Errorf("the retry came to %q", effect)
	}
	if effect := decide(0, "parked", "discard", "--by=test"); effect != "discarded; 1 that waited behind it went on" {
		t.Errorf("the decision came to %q", effect)
	}
	s.find(t, "trace-me", "discarded")
	s.do(t, "get", id, "--wait=10s").requireCode(t, 0) // the record behind it applied
	s.do(t, "history", "accept", "--reason=x").requireCode(t, 3)
}

// find returns the position of the record with the correlation id that is in the state.
func (s session) find(t *testing.T, correlation, state string) string {
	t.Helper()
	records := decode[[]readmodel.ParkedRecord](t, s.do(t, "parked", "list", "--state", state, "-o", "json").requireCode(t, 0))
	for _, r := range records {
		if r.CorrelationID == correlation {
			return r.At
		}
	}
	t.Fatalf("no record with the correlation id %s is %s: %+v", correlation, state, records)
	return ""
}
