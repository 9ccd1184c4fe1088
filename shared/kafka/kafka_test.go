package kafka_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

// patience bounds every wait of a test. It is for a slow machine; nothing that is tested takes as long.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	// The ticker behind the meters of sarama is one for the process.
	goleak.VerifyTestMain(kafkatest.Stopping(m), goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"))
}

var quiet = slog.New(slog.DiscardHandler)

func at(addresses string) kafka.Config { return kafka.Config{Brokers: strings.Split(addresses, ",")} }

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not come true that %s", what)
		}
	}
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("nothing came of %s", what)
		panic("unreachable")
	}
}

// run runs a part until stop, or until the test ends.
func run(t *testing.T, part func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		t.Helper()
		cancel()
		if err := await(t, "the stop", done); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// metric returns the value of a counter or gauge with these label values, or the count of a histogram.
func metric(t *testing.T, registry *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	next:
		for _, m := range family.GetMetric() {
			for i, pair := range m.GetLabel() {
				if i >= len(labels) || pair.GetValue() != labels[i] {
					continue next
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	t.Fatalf("there is no metric %s %q", name, labels)
	return 0
}

// hold makes a broker keep every request of one kind to itself until release, or until the test ends.
func hold(t *testing.T, broker *embedded.Broker, key kmsg.Key) (arrived <-chan struct{}, release func()) {
	t.Helper()
	released, came := make(chan struct{}), make(chan struct{}, 1000)
	release = sync.OnceFunc(func() { close(released) })
	cluster := broker.Cluster()
	cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		came <- struct{}{}
		cluster.SleepControl(func() { <-released })
		return nil, nil, false
	})
	t.Cleanup(release)
	return came, release
}

// restartable is a broker that keeps its records when it is stopped and started again at the same address.
type restartable struct {
	t    *testing.T
	dir  string
	port int
	now  *embedded.Broker
}

func newRestartable(t *testing.T) *restartable {
	t.Helper()
	r := &restartable{t: t, dir: filepath.Join(t.TempDir(), "broker"), port: freePort(t)}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *restartable) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

func (r *restartable) start() {
	r.t.Helper()
	var err error
	if r.now, err = embedded.StartBroker(embedded.BrokerConfig{Dir: r.dir, Port: r.port}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *restartable) stop() {
	r.t.Helper()
	if err := r.now.Close(); err != nil {
		r.t.Error(err)
	}
}

// freePort returns a port below those that the kernel hands out, so that nobody gets it by chance in between.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 12_000 + rand.IntN(18_000)
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// numbered returns n records for a partition whose values are their numbers from first on.
func numbered(partition int32, first, n int) []kafkatest.Record {
	records := make([]kafkatest.Record, n)
	for i := range records {
		records[i] = kafkatest.Record{Partition: partition, Value: []byte(strconv.Itoa(first + i))}
	}
	return records
}
