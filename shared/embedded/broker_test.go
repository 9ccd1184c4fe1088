package embedded_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestBroker_KeepsEverythingWhenItStartsAgain(t *testing.T) {
	dir := t.TempDir()
	first := startBroker(t, embedded.BrokerConfig{Dir: dir})
	topic := kafkatest.At(t, first.Addr()).Topic(2)
	kafkatest.At(t, first.Addr()).Produce(topic, kafkatest.Record{Partition: 1, Value: []byte("kept")})
	clusterID, topicID := identity(t, first.Addr(), topic)
	port := portOf(t, first.Addr())

	for _, again := range []struct {
		name string
		port int
	}{{"on the same port", port}, {"on another port", 0}} {
		closeBroker(t, first)
		first = startBroker(t, embedded.BrokerConfig{Dir: dir, Port: again.port})
		got := kafkatest.At(t, first.Addr()).Records(topic, 1)
		if len(got) != 1 || string(got[0].Value) != "kept" || got[0].Partition != 1 {
			t.Errorf("%s: records %v", again.name, got)
		}
		if c, id := identity(t, first.Addr(), topic); c != clusterID || id != topicID {
			t.Errorf("%s: cluster %s, topic %x, before %s, %x", again.name, c, id, clusterID, topicID)
		}
	}
	if portOf(t, first.Addr()) == port {
		t.Error("port 0 gave the port of before")
	}
}

func TestBroker_EveryAcknowledgedRecordOutlivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	addr, kill := startHost(t, "broker", dir)
	topic := kafkatest.At(t, addr).Topic(1)
	// Without idempotence a record whose fate is unknown may be given up.
	client := newClient(t, addr, kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	acknowledged := map[string]bool{}
	// Killed with requests on their way: the client goes on until it gets no answer.
	answers := make(chan string, 1000)
	go func() {
		defer close(answers)
		for i := range 1_000_000 {
			value := fmt.Sprintf("record %d", i)
			if client.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr() != nil {
				return
			}
			answers <- value
		}
	}()
	for value := range answers {
		acknowledged[value] = true
		if len(acknowledged) == 300 {
			kill()
			cancel()
		}
	}

	broker := startBroker(t, embedded.BrokerConfig{Dir: dir})
	for _, record := range kafkatest.At(t, broker.Addr()).Records(topic, len(acknowledged)) {
		delete(acknowledged, string(record.Value))
	}
	if len(acknowledged) != 0 {
		t.Fatalf("%d acknowledged records are gone: %v", len(acknowledged), acknowledged)
	}
}

func TestBroker_FailsOnATakenPortAndNamesIt(t *testing.T) {
	port := portOf(t, startBroker(t, embedded.BrokerConfig{}).Addr())
	_, err := embedded.StartBroker(embedded.BrokerConfig{Port: port, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d", port)) {
		t.Fatalf("got %v", err)
	}
}

func TestBroker_OneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	first := startBroker(t, embedded.BrokerConfig{Dir: dir})
	_, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v", err)
	}
	closeBroker(t, first)
	startBroker(t, embedded.BrokerConfig{Dir: dir})
}

func TestBroker_CreatesNoTopicUnasked(t *testing.T) {
	broker := startBroker(t, embedded.BrokerConfig{})
	client := newClient(t, broker.Addr(), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "nobody-made-it"}).FirstErr()
	if err != kerr.UnknownTopicOrPartition {
		t.Fatalf("got %v", err)
	}
}

func startBroker(t *testing.T, cfg embedded.BrokerConfig) *embedded.Broker {
	t.Helper()
	broker, err := embedded.StartBroker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, broker) })
	return broker
}

func closeBroker(t *testing.T, broker *embedded.Broker) {
	t.Helper()
	if err := broker.Close(); err != nil {
		t.Error(err)
	}
}

func newClient(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addr))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func identity(t *testing.T, addr, topic string) (clusterID string, topicID [16]byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	requested := kmsg.NewMetadataRequestTopic()
	requested.Topic = &topic
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, requested)
	response, err := request.RequestWith(ctx, newClient(t, addr))
	if err != nil {
		t.Fatal(err)
	}
	return *response.ClusterID, response.Topics[0].TopicID
}

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
