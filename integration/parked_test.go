package integration

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestG5_PoisonedRecordsAreParkedAndTheGoodOnesBetweenThemApplied(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	type poison struct{ id, code, value string }
	poisoned := func(code, form string) poison {
		id := uuid.NewString()
		return poison{id, code, fmt.Sprintf(form, id)}
	}
	poisons := []poison{
		poisoned("undecodable", `%s is not JSON`),
		poisoned("undecodable", `["%s"]`),
		poisoned("missing-field", `{"command_id":"%s"}`),
		poisoned("impossible-value", `{"command_id":"%s","event_timestamp":"yesterday"}`),
		poisoned("key-mismatch", `{"command_id":"`+uuid.NewString()+`","event_timestamp":"2006-01-02T15:04:05Z","of":"%s"}`),
	}
	const correlation = "6e2ab2c5-7d86-4f5b-8ee1-7a35d6cbd5a4"
	var good []string
	var records []kafkatest.Record
	for partition := range int32(partitions) {
		for n := range len(poisons) + 1 {
			id := uuid.NewString()
			good = append(good, id)
			records = append(records, timestampRecord(id, partition, "2006-01-02T15:04:05Z"))
			if partition == 2 && n < len(poisons) {
				records = append(records, kafkatest.Record{
					Partition: partition, Key: []byte(poisons[n].id), Value: []byte(poisons[n].value),
					Headers: []kafkatest.Header{{Name: "correlationId", Value: []byte(correlation)}},
				})
			}
		}
	}
	s.Kafka(t).Produce(s.Topic, records...)
	s.AwaitRows(t, int64(len(good)))
	s.AwaitNumber(t, int64(len(poisons)), `SELECT count(*) FROM counterfoil.parked`)

	for _, id := range good {
		requireTimestamp(t, mustRead(t, s, id).Body, id, "2006-01-02T15:04:05Z")
	}
	parked, err := s.Texts(t.Context(), `
		SELECT convert_from(key, 'UTF8') || ' ' || code || ' ' || convert_from(value, 'UTF8') || ' ' || correlation_id
		FROM counterfoil.parked WHERE partition = 2 ORDER BY "offset"`)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, p := range poisons {
		want = append(want, fmt.Sprintf("%s %s %s %s", p.id, p.code, p.value, correlation))
		for _, position := range []string{"", fmt.Sprintf("?position=%s/2@%d", s.Topic, 2*i+1)} {
			answer := get(t, s.Query, "/api/v1/tickets/"+p.id+position)
			if answer.Text("outcome") != "parked" || answer.Text("code") != p.code || answer.Text("reason") == "" {
				t.Errorf("the ticket%s of a record that is %s says %s", position, p.code, answer.Body)
			}
		}
		requireLine(t, s.ConsumerProcess, "the parked record's line", "parked a record", "code", p.code, "correlation_id", correlation)
	}
	if !slices.Equal(parked, want) {
		t.Errorf("parked are\n%q\nwant\n%q", parked, want)
	}
	if counted, _, err := s.ConsumerProcess.Metric(t.Context(), "counterfoil_parked_total"); err != nil || int(counted) != len(poisons) {
		t.Errorf("the metric counts %v, error %v", counted, err)
	}
	s.AwaitReady(t) // parked records need a person, the service does not
}
