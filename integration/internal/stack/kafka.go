package stack

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/position"
)

// Record returns the record at the position of a ticket, as another client of Kafka reads it.
func (s *Stack) Record(t testing.TB, at string) *kgo.Record {
	t.Helper()
	place, err := position.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Broker, ",")...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{place.Topic: {place.Partition: kgo.NewOffset().At(place.Offset)}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(t.Context())
		for _, failed := range fetches.Errors() {
			t.Fatalf("read %s: %v", at, failed.Err)
		}
		for _, record := range fetches.Records() {
			if record.Offset == place.Offset {
				return record
			}
			t.Fatalf("there is no record at %s; the next is at %d", at, record.Offset)
		}
	}
}

// Kafka returns the means to write records beside the command-service.
func (s *Stack) Kafka(t testing.TB) *kafkatest.Access { return kafkatest.At(t, s.Broker) }
