package integration

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestG2_ABrokerThatDoesNotAcknowledgeMakesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	s := stack.Own(t, stack.Config{Broker: broker.Addr(), Command: []string{"ACK_TIMEOUT=500ms"}})
	thaw := freezeProduce(broker)
	defer thaw()
	requireUnknownThenOneRow(t, s, thaw)
}

func TestG2_ABrokerThatIsAwayMakesTheOutcomeUnknown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	s := stack.Own(t, stack.Config{Broker: broker.Addr(), Command: []string{"ACK_TIMEOUT=500ms"}})
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	requireUnknownThenOneRow(t, s, func() {
		_, text, err := net.SplitHostPort(broker.Addr())
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		back, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir, Port: port})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = back.Close() })
	})
}

// requireUnknownThenOneRow sends a command while no acknowledgement comes, has the broker recover, and repeats the command
// until there is a ticket: it has the same id, and its effect is there once.
func requireUnknownThenOneRow(t *testing.T, s *stack.Stack, recover func()) {
	t.Helper()
	const path = "/api/v1/timestamp/2006-01-02T15:04:05Z"
	key := newKey()
	unknown, err := s.Command.Do(t.Context(), http.MethodPost, path, "Idempotency-Key", key)
	if err != nil {
		t.Fatal(err)
	}
	id := unknown.Text("id")
	if unknown.Status != http.StatusServiceUnavailable || unknown.Text("code") != "outcome-unknown" || id == "" ||
		unknown.Header.Get("Retry-After") == "" || unknown.Header.Get("Location") == "" || unknown.Header.Get("Ticket-Position") != "" {
		t.Fatalf("without an acknowledgement the answer is %d %v %s", unknown.Status, unknown.Header, unknown.Body)
	}
	recover()
	var held ticket
	await.Until(t, func(ctx context.Context) error {
		held, err = post(ctx, s, path, "Idempotency-Key", key)
		return err
	})
	if held.id != id {
		t.Errorf("the repeat's ticket is %s, the first answer named %s", held.id, id)
	}
	requireTimestamp(t, mustRead(t, s, id).Body, id, "2006-01-02T15:04:05Z")
	awaitApplied(t, s, []ticket{held})
	s.AwaitRows(t, 1)
	last := mustPost(t, s, "/api/v1/timestamp") // everything is as it was
	mustRead(t, s, last.id)
	s.AwaitReady(t)
}

// freezeProduce lets the broker take records from now on, but not keep them before thaw is called.
func freezeProduce(broker *embedded.Broker) (thaw func()) {
	cluster, thawed := broker.Cluster(), make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.SleepControl(func() { <-thawed })
		return nil, nil, false
	})
	return sync.OnceFunc(func() { close(thawed) })
}

func TestG1_CommandsAreRefusedAtOnceWhereTooManyWait(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	s := stack.Prepare(t, stack.Config{Broker: broker.Addr(), Command: []string{"ACK_TIMEOUT=30s", "MAX_IN_FLIGHT=4"}})
	s.StartCommand(t)
	s.AwaitReady(t)
	thaw := freezeProduce(broker)
	defer thaw()
	taken := make(chan error, 4)
	for range cap(taken) {
		go func() {
			_, err := post(t.Context(), s, "/api/v1/timestamp")
			taken <- err
		}()
	}
	await.Until(t, func(ctx context.Context) error {
		inFlight, _, err := s.CommandProcess.Metric(ctx, "counterfoil_produce_in_flight")
		if err == nil && inFlight != 4 {
			err = fmt.Errorf("%v commands are in flight", inFlight)
		}
		return err
	})
	busy, err := s.Command.Do(t.Context(), http.MethodPost, "/api/v1/timestamp")
	if err != nil {
		t.Fatal(err)
	}
	if busy.Status != http.StatusServiceUnavailable || busy.Text("code") != "too-many-in-flight" || busy.Header.Get("Retry-After") == "" {
		t.Errorf("the fifth command is answered %d %v %s", busy.Status, busy.Header, busy.Body)
	}
	thaw()
	for range cap(taken) {
		if err := <-taken; err != nil {
			t.Errorf("a command that was taken: %v", err)
		}
	}
}
