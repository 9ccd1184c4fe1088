// Package kafkatest gives tests a broker, topics of their own, and a second
// opinion: it writes and reads records with franz-go, which shares no code with
// the client that the services use.
//
// One in-memory broker serves the whole test process. Set TEST_KAFKA_BROKER to a
// list of host:port, separated by commas, to run the same tests on a cluster that
// runs already. Tests only.
package kafkatest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// patience bounds each call. It is for a broker that is slow, not for one that is
// expected to fail.
const patience = 30 * time.Second

// A Record is what a topic holds.
type Record struct {
	// Partition is where Produce puts the record: it does not look at the key.
	Partition int32
	// Offset is set by Records only.
	Offset int64
	// Timestamp is set by Records to what a consumer sees. Produce sends it, or the
	// current time when it is zero; what the topic makes of it is up to the broker.
	Timestamp time.Time
	// Key and Value may be nil, which is not the same as empty.
	Key, Value []byte
	// Headers keep their order and may repeat a name.
	Headers []Header
}

// A Header is a name with a value.
type Header struct {
	Name  string
	Value []byte
}

// Broker returns the address of the process's broker, or of TEST_KAFKA_BROKER: host:port, or several separated by commas.
func Broker(t testing.TB) string {
	t.Helper()
	if addrs := os.Getenv("TEST_KAFKA_BROKER"); addrs != "" {
		return addrs
	}
	addr, err := broker.start()
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	return addr
}

// Stopping wraps a package's tests so that the process's broker is stopped when
// they have run, for a TestMain that looks for goroutines left behind.
func Stopping(m interface{ Run() int }) interface{ Run() int } { return stopping{m} }

type stopping struct{ tests interface{ Run() int } }

func (s stopping) Run() int {
	code := s.tests.Run()
	if err := broker.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "kafkatest:", err)
		code = max(code, 1)
	}
	return code
}

// broker is the one broker that all tests of the process share; it lives in its memory.
var broker brokerOfProcess

type brokerOfProcess struct {
	mu      sync.Mutex
	running *embedded.Broker
}

func (b *brokerOfProcess) start() (addr string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == nil {
		if b.running, err = embedded.StartBroker(embedded.BrokerConfig{}); err != nil {
			return "", err
		}
	}
	return b.running.Addr(), nil
}

func (b *brokerOfProcess) stop() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == nil {
		return nil
	}
	return b.running.Close()
}

// Own starts a broker that no other test sees, for tests that make it fail. Use
// At for topics and records on it. It is closed when the test has ended.
func Own(t testing.TB) *embedded.Broker {
	t.Helper()
	broker, err := embedded.StartBroker(embedded.BrokerConfig{})
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Errorf("kafkatest: %v", err)
		}
	})
	return broker
}

// Topic makes a topic like a command topic, with a unique name, kept for ever and
// stamped by the broker (the embedded one keeps the producer's stamps). It is
// deleted when the test has ended.
func Topic(t testing.TB, partitions int32) string {
	t.Helper()
	return At(t, Broker(t)).Topic(partitions)
}

// Produce writes the records in order, waits until every in-sync replica has them
// and returns their offsets.
func Produce(t testing.TB, topic string, records ...Record) []int64 {
	t.Helper()
	return At(t, Broker(t)).Produce(topic, records...)
}

// Records waits until the topic holds at least want records and returns all that
// it holds then, ordered by partition and offset. So a surplus shows.
func Records(t testing.TB, topic string, want int) []Record {
	t.Helper()
	return At(t, Broker(t)).Records(topic, want)
}

// At returns what Topic, Produce and Records do, on the broker at an address.
func At(t testing.TB, addrs string) *Access {
	return &Access{t, strings.Split(addrs, ",")}
}

// Access is one test's access to one broker or cluster.
type Access struct {
	t     testing.TB
	addrs []string
}
