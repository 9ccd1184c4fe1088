package accept_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/command-service/internal/accept"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

const patience = 30 * time.Second

// fixture is an Accepter on a broker of its own.
type fixture struct {
	*accept.Accepter
	broker *embedded.Broker
	topic  string
	log    *bytes.Buffer // to be read once nobody logs any more
}

func newFixture(t *testing.T, wait time.Duration) *fixture {
	t.Helper()
	broker := kafkatest.Own(t)
	f := &fixture{broker: broker, topic: kafkatest.At(t, broker.Addr()).Topic(1), log: &bytes.Buffer{}}
	producer := kafka.NewProducer(kafka.ProducerConfig{
		Config: kafka.Config{Brokers: []string{broker.Addr()}}, Topic: kafka.TopicSpec{Name: f.topic, Partitions: 1}, Wait: wait, InFlight: 10,
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := producer.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	f.Accepter = accept.New(producer, telemetry.NewLogger(f.log, slog.LevelDebug, "test"))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for ready := false; !ready; ready, _, _ = producer.Status() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the producer does not get ready")
		}
	}
	return f
}

// afterClientLeft runs do with a request whose client leaves while the broker holds the record.
func (f *fixture) afterClientLeft(t *testing.T, do func(context.Context) (accept.Ticket, error), release bool) (accept.Ticket, error) {
	t.Helper()
	request, leave := context.WithCancel(telemetry.WithCorrelation(t.Context(), "52f2665d-c087-42e5-a571-89061021a37c"))
	defer leave()
	released := make(chan struct{})
	if !release {
		t.Cleanup(func() { close(released) })
	}
	f.broker.Cluster().ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.broker.Cluster().DropControl()
		f.broker.Cluster().SleepControl(func() {
			leave()
			if release {
				close(released)
			}
			<-released
		})
		return nil, nil, false
	})
	return do(request)
}

func (f *fixture) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(f.log.Bytes(), &line); err != nil {
		t.Fatalf("not one line: %v: %s", err, f.log)
	}
	return line
}

func TestKeep_ACommandWhoseClientLeftIsKeptAndLogged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patience)
	ticket, err := f.afterClientLeft(t, func(ctx context.Context) (accept.Ticket, error) { return f.Now(ctx, nil) }, true)
	if err != nil {
		t.Fatal(err)
	}
	if records := kafkatest.At(t, f.broker.Addr()).Records(f.topic, 1); string(records[0].Key) != ticket.ID.String() {
		t.Errorf("record %s, ticket %s", records[0].Key, ticket.ID)
	}
	line := f.line(t)
	if line["level"] != "WARN" || line["command_id"] != ticket.ID.String() || line["topic"] != f.topic || line["offset"] != 0.0 ||
		line["correlation_id"] != "52f2665d-c087-42e5-a571-89061021a37c" {
		t.Errorf("logged %v", line)
	}
}

func TestKeep_AnUnknownOutcomeWhoseClientLeftIsLogged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 50*time.Millisecond)
	ticket, err := f.afterClientLeft(t, func(ctx context.Context) (accept.Ticket, error) { return f.Now(ctx, nil) }, false)
	if !fault.Is(err, fault.Unconfirmed) {
		t.Fatalf("got %v", err)
	}
	if line := f.line(t); line["command_id"] != ticket.ID.String() || line["level"] != "WARN" {
		t.Errorf("logged %v", line)
	}
}

func TestTimestamp_ErrorsSayWhetherThereIsACommand(t *testing.T) {
	t.Parallel()
	f := newFixture(t, patience)
	for name, test := range map[string]struct {
		text string
		keys []string
		code fault.Code
	}{
		"timestamp":  {"nonsense", nil, fault.CodeInvalidTimestamp},
		"key":        {"2009-09-28T19:03:12Z", []string{""}, fault.CodeInvalidIdempotencyKey},
		"two keys":   {"2009-09-28T19:03:12Z", []string{"a", "b"}, fault.CodeInvalidIdempotencyKey},
		"everything": {"", []string{"a", "b"}, fault.CodeInvalidTimestamp},
	} {
		ticket, err := f.Timestamp(t.Context(), test.text, test.keys)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != test.code || ticket.ID != uuid.Nil {
			t.Errorf("%s: ticket %s, error %v; want code %s", name, ticket.ID, err, test.code)
		}
	}
	if records := kafkatest.At(t, f.broker.Addr()).Records(f.topic, 0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}
