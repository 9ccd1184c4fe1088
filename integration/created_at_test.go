package integration

import (
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// A producer's clock may say anything. Apache Kafka stamps a record when it appends it, because the command-service made
// the topic so; the embedded broker keeps the producer's stamp. Either way created_at is what every consumer sees.
func TestG7_CreatedAtIsTheTimeOfTheRecordInKafka(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	id := uuid.NewString()
	record := timestampRecord(id, 3, "2006-01-02T15:04:05Z")
	record.Timestamp = time.Date(2001, 2, 3, 4, 5, 6, 789e6, time.UTC)
	before := time.Now().Add(-time.Minute) // the broker's clock is ours or close to it
	s.Kafka(t).Produce(s.Topic, record)
	kept := s.Record(t, s.Topic+"/3@0")
	members, err := mustRead(t, s, id).Strings()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := members["created_at"], kept.Timestamp.UTC().Format(time.RFC3339Nano); got != want {
		t.Errorf("created_at is %s, the record's time is %s", got, want)
	}
	const logAppendTime = 1
	switch apache := os.Getenv("TEST_KAFKA_BROKER") != ""; {
	case apache && (kept.Attrs.TimestampType() != logAppendTime || kept.Timestamp.Before(before)):
		t.Errorf("the record's time is %s of type %d, not the broker's", kept.Timestamp, kept.Attrs.TimestampType())
	case !apache && !kept.Timestamp.Equal(record.Timestamp):
		t.Errorf("the embedded broker changed the record's time to %s; then this test can ask more of it", kept.Timestamp)
	}
}
