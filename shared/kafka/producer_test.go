package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/position"
)

// producing is a producer under test.
type producing struct {
	*kafka.Producer
	t        *testing.T
	topic    string
	registry *prometheus.Registry
	stop     func()
}

// newProducer runs a producer; it need not be connected yet.
func newProducer(t *testing.T, addr, topic string, inFlight int) *producing {
	t.Helper()
	p := &producing{t: t, topic: topic, registry: prometheus.NewRegistry()}
	p.Producer = kafka.NewProducer(kafka.ProducerConfig{
		Config: at(addr), Topic: kafka.TopicSpec{Name: topic, Partitions: 6}, Wait: patience, InFlight: inFlight,
	}, quiet, p.registry)
	p.stop = run(t, p.Run)
	return p
}

func (p *producing) ready() bool {
	ready, _, _ := p.Status()
	return ready
}

// connected runs a producer on the address and waits until it is ready.
func connected(t *testing.T, addr, topic string, inFlight int) *producing {
	t.Helper()
	p := newProducer(t, addr, topic, inFlight)
	eventually(t, "the producer is ready", p.ready)
	return p
}

// send publishes with a deadline that is not meant to pass.
func (p *producing) send(key, value string) (position.Position, error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	return p.Send(ctx, kafka.Message{Key: []byte(key), Value: []byte(value)})
}

// sendBriefly publishes with a deadline that is meant to pass.
func (p *producing) sendBriefly() error {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.Send(ctx, kafka.Message{Key: []byte("k"), Value: []byte("brief")})
	return err
}

func requireCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func TestProducer_SaysWhereTheRecordIs(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 6)
	p := connected(t, kafkatest.Broker(t), topic, 100)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	at := map[position.Position]string{}
	for i := range 20 {
		value := strconv.Itoa(i)
		pos, err := p.Send(ctx, kafka.Message{
			Key: []byte("key " + value), Value: []byte(value), Headers: []kafka.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: nil}},
		})
		if err != nil {
			t.Fatal(err)
		}
		at[pos] = value
	}
	for _, record := range kafkatest.Records(t, topic, 20) {
		pos := position.Position{Topic: topic, Partition: record.Partition, Offset: record.Offset}
		if at[pos] != string(record.Value) || string(record.Key) != "key "+at[pos] {
			t.Errorf("at %s is %s, Send said %q", pos, record.Value, at[pos])
		}
		if len(record.Headers) != 2 || record.Headers[0].Name != "a" || string(record.Headers[0].Value) != "1" || len(record.Headers[1].Value) != 0 {
			t.Errorf("headers %v", record.Headers)
		}
	}
	if n := metric(t, p.registry, "counterfoil_produce_ack_seconds"); n != 20 {
		t.Errorf("%v acknowledgements were timed", n)
	}
}

// Keys are hashed as the clients of other languages do: the values of murmur2 are those of Apache Kafka's own test.
func TestProducer_PartitionsAsJavaDoes(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 6)
	p := connected(t, kafkatest.Broker(t), topic, 10)
	for key, murmur2 := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		pos, err := p.send(key, "")
		if want := (murmur2 & 0x7fffffff) % 6; err != nil || pos.Partition != want {
			t.Errorf("key %s is in partition %d, want %d: %v", key, pos.Partition, want, err)
		}
	}
}

func TestProducer_KeepsTheOrderOfACaller(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 6)
	p := connected(t, kafkatest.Broker(t), topic, 1000)
	const callers, each = 20, 50
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				if _, err := p.send(fmt.Sprint("caller ", caller), strconv.Itoa(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := map[string]int{}
	for _, record := range kafkatest.Records(t, topic, callers*each) {
		if got := string(record.Value); got != strconv.Itoa(next[string(record.Key)]) {
			t.Fatalf("%s: %s comes after %d", record.Key, got, next[string(record.Key)]-1)
		}
		next[string(record.Key)]++
	}
	if len(next) != callers {
		t.Errorf("%d callers", len(next))
	}
}

func TestProducer_BeforeKafkaIsThereNothingIsKept(t *testing.T) {
	t.Parallel()
	p := newProducer(t, "127.0.0.1:1", "never", 10)
	_, err := p.send("k", "v")
	requireCode(t, err, fault.CodeBrokerAway)
	eventually(t, "it says why it is not ready", func() bool {
		ready, detail, _ := p.Status()
		return !ready && strings.Contains(detail, "connect")
	})
	if n := metric(t, p.registry, "counterfoil_produce_in_flight"); n != 0 {
		t.Errorf("%v in flight", n)
	}
	p.stop()
	_, err = p.send("k", "v")
	requireCode(t, err, fault.CodeShuttingDown)
}

func TestProducer_AStopWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 10)
	arrived, release := hold(t, broker, kmsg.Produce)
	sent := make(chan error, 1)
	go func() {
		_, err := p.send("k", "v")
		sent <- err
	}()
	await(t, "the record", arrived)
	stopped := make(chan struct{})
	go func() { p.stop(); close(stopped) }()
	eventually(t, "it takes no more", func() bool { return !p.ready() })
	_, err := p.send("k", "late")
	requireCode(t, err, fault.CodeShuttingDown)
	select {
	case <-stopped:
		t.Fatal("it stopped with a record in flight")
	default:
	}
	release()
	if err := await(t, "the acknowledgement", sent); err != nil {
		t.Errorf("the record in flight: %v", err)
	}
	await(t, "the stop", stopped)
}

// Kafka that does not come back must not keep a process from ending.
func TestProducer_AStopDoesNotWaitForKafkaForEver(t *testing.T) {
	t.Parallel()
	broker := newRestartable(t)
	p := connected(t, broker.addr(), "t", 10)
	if _, err := p.send("k", "v"); err != nil {
		t.Fatal(err)
	}
	broker.stop()
	requireCode(t, p.sendBriefly(), fault.CodeOutcomeUnknown)
	p.stop() // fails the test if it takes longer than patience
}

// Neither must a broker that takes records and does not answer.
func TestProducer_AStopDoesNotWaitForABrokerThatHangs(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 10)
	hold(t, broker, kmsg.Produce)
	requireCode(t, p.sendBriefly(), fault.CodeOutcomeUnknown)
	p.stop() // fails the test if it takes longer than patience
	if n := metric(t, p.registry, "counterfoil_produce_in_flight"); n != 0 {
		t.Errorf("%v in flight", n)
	}
}

// Readiness needs no command that fails to know that Kafka is away, nor one that succeeds to know that it is back.
func TestProducer_NoticesByItselfThatKafkaIsAwayAndBack(t *testing.T) {
	t.Parallel()
	broker := newRestartable(t)
	p := connected(t, broker.addr(), "t", 10)
	broker.stop()
	eventually(t, "it is not ready", func() bool { return !p.ready() })
	broker.start()
	eventually(t, "it is ready again", p.ready)
	if _, err := p.send("k", "v"); err != nil {
		t.Error(err)
	}
}

// G2: after the deadline nobody knows, and the record still counts as in flight because it is in memory.
func TestProducer_WithoutAcknowledgementInTimeTheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 2)
	_, release := hold(t, broker, kmsg.Produce)
	for range 2 {
		requireCode(t, p.sendBriefly(), fault.CodeOutcomeUnknown)
	}
	if n := metric(t, p.registry, "counterfoil_produce_in_flight"); n != 2 {
		t.Errorf("%v in flight", n)
	}
	requireCode(t, p.sendBriefly(), fault.CodeTooManyInFlight)
	if p.ready() {
		t.Error("it is ready while nothing is acknowledged")
	}
	release()
	eventually(t, "both are acknowledged", func() bool { return metric(t, p.registry, "counterfoil_produce_in_flight") == 0 })
	if late := metric(t, p.registry, "counterfoil_produce_late_acks_total"); late != 2 {
		t.Errorf("%v late acknowledgements", late)
	}
	if !p.ready() {
		t.Error("it is not ready although everything is acknowledged")
	}
	for reason, want := range map[string]float64{"timeout": 2, "busy": 1, "broker": 0} {
		if got := metric(t, p.registry, "counterfoil_produce_failures_total", reason); got != want {
			t.Errorf("%v failures for %s, want %v", got, reason, want)
		}
	}
	if records := kafkatest.At(t, broker.Addr()).Records("t", 2); len(records) != 2 {
		t.Errorf("%d records", len(records))
	}
}

func TestProducer_ARecordThatTheBrokerRefusesForGoodIsUnknown(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 10)
	refusing := broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	_, err := p.send("k", "v")
	requireCode(t, err, fault.CodeOutcomeUnknown)
	if ready, detail, _ := p.Status(); ready || detail == "" {
		t.Errorf("ready %v, detail %q", ready, detail)
	}
	refusing.Remove()
	if _, err := p.send("k", "v"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if !p.ready() {
		t.Error("it is not ready although a record was acknowledged")
	}
}

// The broker has the record from an earlier attempt and does not say where: acknowledged, without a position.
func TestProducer_ADuplicateIsAcknowledgedWithoutPosition(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 10)
	broker.Cluster().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.DuplicateSequenceNumber, Count: 1})
	pos, err := p.send("k", "v")
	if err != nil || pos.Known() {
		t.Errorf("position %s, error %v", pos, err)
	}
}

// Whatever the broker says of an attempt, each record is there once.
func TestProducer_RetriesDoNotDouble(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 1000)
	var faults []kfake.Fault
	for _, err := range []*kerr.Error{
		kerr.RequestTimedOut, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.NotLeaderForPartition, kerr.RequestTimedOut,
	} {
		faults = append(faults, kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: 1})
	}
	broker.Cluster().Fault(faults...)
	const n = 200
	results := make(chan error, n)
	for i := range n {
		go func() {
			_, err := p.send("k", strconv.Itoa(i))
			results <- err
		}()
	}
	for range n {
		if err := await(t, "an acknowledgement", results); err != nil {
			t.Error(err)
		}
	}
	seen := map[string]bool{}
	records := kafkatest.At(t, broker.Addr()).Records("t", n)
	for _, record := range records {
		seen[string(record.Value)] = true
	}
	if len(records) != n || len(seen) != n {
		t.Errorf("%d records, %d of them different, want %d", len(records), len(seen), n)
	}
}

func TestProducer_TooLargeIsSaidToBeNotKept(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	p := connected(t, kafkatest.Broker(t), topic, 10)
	_, err := p.send("k", strings.Repeat("x", 2<<20))
	requireCode(t, err, fault.CodeBodyTooLarge)
	if _, err := p.send("k", "small"); err != nil {
		t.Fatal(err)
	}
	if records := kafkatest.Records(t, topic, 1); len(records) != 1 || !bytes.Equal(records[0].Value, []byte("small")) {
		t.Errorf("records %v", records)
	}
}

func TestProducer_TooLargeForTheTopicIsSaidToBeNotKept(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	if err := broker.Cluster().CreateTopic("narrow", 1, map[string]string{"max.message.bytes": "500"}); err != nil {
		t.Fatal(err)
	}
	p := connected(t, broker.Addr(), "narrow", 10)
	_, err := p.send("k", strings.Repeat("x", 1000))
	requireCode(t, err, fault.CodeBodyTooLarge)
	if pos, err := p.send("k", "small"); err != nil || pos.Offset != 0 {
		t.Errorf("position %s, error %v", pos, err)
	}
}

func TestProducer_SurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	broker := newRestartable(t)
	p := connected(t, broker.addr(), "t", 100)
	kept := map[string]bool{}
	keep := func(value string) error {
		_, err := p.send("k", value)
		if err == nil {
			kept[value] = true
		}
		return err
	}
	for i := range 10 {
		if err := keep(strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 2 {
		broker.stop()
		requireCode(t, p.sendBriefly(), fault.CodeOutcomeUnknown)
		broker.start()
		eventually(t, "records are kept again", func() bool { return keep(fmt.Sprint("again ", round)) == nil })
	}
	times := map[string]int{}
	for _, record := range kafkatest.At(t, broker.addr()).Records("t", len(kept)) {
		times[string(record.Value)]++
	}
	for value := range kept {
		if times[value] != 1 {
			t.Errorf("%s was acknowledged and is there %d times", value, times[value])
		}
	}
}

// G1: while callers wait, nothing is given up, however long no broker answers.
func TestProducer_WaitsForABrokerThatComesBackInTime(t *testing.T) {
	t.Parallel()
	broker := newRestartable(t)
	p := connected(t, broker.addr(), "t", 10)
	if _, err := p.send("k", "before"); err != nil {
		t.Fatal(err)
	}
	broker.stop()
	sent := make(chan error, 1)
	go func() {
		_, err := p.send("k", "meanwhile")
		sent <- err
	}()
	eventually(t, "it is known that Kafka is away", func() bool { return !p.ready() })
	select {
	case err := <-sent:
		t.Fatalf("given up while its caller waits: %v", err)
	default:
	}
	broker.start()
	if err := await(t, "the acknowledgement", sent); err != nil {
		t.Fatal(err)
	}
	if records := kafkatest.At(t, broker.addr()).Records("t", 2); len(records) != 2 {
		t.Errorf("%d records", len(records))
	}
}

// A topic that somebody deletes is made again, and takes records again.
func TestProducer_MakesADeletedTopicAgain(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	p := connected(t, broker.Addr(), "t", 10)
	if _, err := p.send("k", "lost"); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := kadm.NewClient(client).DeleteTopic(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "records are kept again", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := p.Send(ctx, kafka.Message{Key: []byte("k"), Value: []byte("kept")})
		return err == nil
	})
	eventually(t, "it is ready", p.ready)
}

func TestG6_KeysAreInThePartitionWhereJavasProducersPutThem(t *testing.T) {
	t.Parallel()
	addr := kafkatest.Broker(t)
	p := connected(t, addr, kafkatest.Topic(t, 6), 10)
	// What org.apache.kafka.common.utils.Utils.murmur2 makes of these keys.
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "abc": 479470107,
	} {
		at, err := p.Send(t.Context(), kafka.Message{Key: []byte(key), Value: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		if want := (hash & 0x7fffffff) % 6; at.Partition != want {
			t.Errorf("the key %q is in partition %d, Java puts it into %d", key, at.Partition, want)
		}
	}
}
