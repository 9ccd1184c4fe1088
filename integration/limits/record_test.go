package limits

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

const (
	partitions = 6
	tenMB      = 10_000_000
)

func TestRecords_LargeOnesAreAppliedOrParkedAlsoAfterPostgresWasAway(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	s := stack.Prepare(t, stack.Config{Database: server.Database()})
	topic := newTopic(t, s)
	s.StartConsumer(t)
	s.StartQuery(t)
	s.AwaitReady(t)

	server.Away()
	const each = 2 // of each kind in each partition
	for partition := range int32(partitions) {
		for range each {
			topic.produce(t, partition, "", strings.Repeat("x", tenMB)) // is not JSON, and waits behind nothing
			id := newID(t)
			topic.produce(t, partition, id, record(id, `,"padding":"`+strings.Repeat("x", tenMB)+`"`))
		}
	}
	await.Until(t, func(ctx context.Context) error {
		failures, _, err := s.ConsumerProcess.Metric(ctx, "counterfoil_batch_failures_total")
		if err == nil && failures < 10 {
			err = fmt.Errorf("the consumer failed only %v times", failures)
		}
		return err
	})
	requireMemory(t, "with 240 MB of large records before it and PostgreSQL away", s.ConsumerProcess)
	server.Back()
	s.AwaitRows(t, each*partitions)
	s.AwaitNumber(t, each*partitions, `SELECT count(*) FROM counterfoil.parked WHERE code = 'undecodable' AND octet_length(value) = 10000000`)

	last := newID(t)
	topic.produce(t, 0, last, record(last, ""))
	requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp/"+last+"?wait=30s")
	requireMemory(t, "when it has applied or parked them", s.ConsumerProcess, s.QueryProcess)
}

func TestRecords_HostileJSONIsParkedOrApplied(t *testing.T) {
	t.Parallel()
	s := stack.Prepare(t, stack.Config{})
	topic := newTopic(t, s)
	s.StartConsumer(t)
	s.AwaitReady(t)
	const depth = 5_000_000
	var keys strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	parked := map[string]string{ // value by code
		"nested arrays":    strings.Repeat("[", depth) + strings.Repeat("]", depth),
		"open arrays":      strings.Repeat("[", 2*depth),
		"nested in object": `{"command_id":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`,
		"nested objects":   strings.Repeat(`{"":`, depth/2) + "0" + strings.Repeat("}", depth/2),
		"long timestamp":   `{"command_id":"` + newID(t) + `","event_timestamp":"` + strings.Repeat("9", tenMB) + `"}`,
		"long id":          `{"command_id":"` + strings.Repeat("a", tenMB) + `","event_timestamp":"2009-09-28T19:03:12Z"}`,
		"long number":      `{"command_id":` + strings.Repeat("1", tenMB) + `}`,
		"escapes":          `{"command_id":"` + strings.Repeat(`\u0000`, tenMB/6) + `"}`,
	}
	for name, value := range parked {
		topic.produceNamed(t, 0, name, value)
	}
	for _, more := range []string{keys.String(), `,"padding":"` + strings.Repeat("x", tenMB) + `"`} {
		id := newID(t)
		topic.produce(t, 1, id, record(id, more))
	}
	topic.produce(t, 2, strings.Repeat("k", tenMB), "{}") // a key that is larger than an index can hold
	s.AwaitRows(t, 2)
	s.AwaitNumber(t, int64(len(parked))+1, `SELECT count(*) FROM counterfoil.parked WHERE state = 'parked' AND octet_length(reason) < 1000`)
	id := newID(t)
	topic.produce(t, 0, id, record(id, ""))
	s.AwaitRows(t, 3)
	requireMemory(t, "with hostile JSON", s.ConsumerProcess)
}

// topic is a command topic that takes records of up to 20 MB.
type topic struct {
	name   string
	client *kgo.Client
}

func newTopic(t *testing.T, s *stack.Stack) topic {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Broker, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(20_000_000), kgo.ProducerBatchCompression(kgo.NoCompression()))
	check(t, err)
	t.Cleanup(client.Close)
	text := func(s string) *string { return &s }
	created, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, -1, map[string]*string{
		"max.message.bytes": text("20000000"), "retention.ms": text("-1"), "message.timestamp.type": text("LogAppendTime"),
	}, s.Topic)
	check(t, err)
	check(t, created.Err)
	return topic{s.Topic, client}
}

// produce writes a record; without a key where that is empty.
func (topic topic) produce(t *testing.T, partition int32, key, value string) {
	t.Helper()
	var bytes []byte
	if key != "" {
		bytes = []byte(key)
	}
	err := topic.client.ProduceSync(t.Context(), &kgo.Record{Topic: topic.name, Partition: partition, Key: bytes, Value: []byte(value)}).FirstErr()
	check(t, err)
}

// produceNamed writes a record whose key tells what it is.
func (topic topic) produceNamed(t *testing.T, partition int32, name, value string) {
	t.Helper()
	topic.produce(t, partition, name, value)
}

// record returns a command's value with more members.
func record(id, more string) string {
	return `{"command_id":"` + id + `","event_timestamp":"2009-09-28T19:03:12Z"` + more + `}`
}

func newID(t *testing.T) string {
	t.Helper()
	id, err := uuid.NewV7()
	check(t, err)
	return id.String()
}
