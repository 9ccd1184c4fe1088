package integration

import (
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/position"
)

// The broker appends a command and says that it timed out; asked again, it does not know the producer any more, as after it
// forgot an idle one. The producer goes on with another epoch, by which the broker cannot tell that it has the command: the
// client's repeat is a second record, and the same row.
func TestG3_ARepeatAfterTheProducersEpochChangedIsOneRow(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	s := stack.Own(t, stack.Config{Broker: broker.Addr()})
	before := mustPost(t, s, "/api/v1/timestamp") // the producer has its id and epoch
	produce := kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: s.Topic}
	timedOut, forgotten := produce, produce
	timedOut.Err, forgotten.Err = kerr.RequestTimedOut, kerr.UnknownProducerID
	broker.Cluster().Fault(timedOut, forgotten)

	const path = "/api/v1/timestamp/2006-01-02T15:04:05Z"
	key := newKey()
	unknown, err := s.Command.Do(t.Context(), http.MethodPost, path, "Idempotency-Key", key)
	if err != nil {
		t.Fatal(err)
	}
	id := unknown.Text("id")
	if unknown.Status != http.StatusServiceUnavailable || unknown.Text("code") != "outcome-unknown" || id == "" {
		t.Fatalf("the answer is %d %s", unknown.Status, unknown.Body)
	}
	held, err := post(t.Context(), s, path, "Idempotency-Key", key)
	if err != nil || held.id != id {
		t.Fatalf("the repeat's ticket is %q, error %v; the first answer named %s", held.id, err, id)
	}

	second := s.Record(t, held.position)
	at, err := position.Parse(held.position)
	if err != nil {
		t.Fatal(err)
	}
	at.Offset--
	first := s.Record(t, at.String())
	if string(first.Key) != id || string(second.Key) != id || !otherEpoch(first, second) {
		t.Errorf("the records are %s of producer %d, epoch %d, and %s of producer %d, epoch %d",
			first.Key, first.ProducerID, first.ProducerEpoch, second.Key, second.ProducerID, second.ProducerEpoch)
	}
	awaitApplied(t, s, []ticket{before, held})
	s.AwaitRows(t, 2)
	requireTimestamp(t, mustRead(t, s, id).Body, id, "2006-01-02T15:04:05Z")
}

func otherEpoch(first, second *kgo.Record) bool {
	return first.ProducerID != second.ProducerID || first.ProducerEpoch != second.ProducerEpoch
}
