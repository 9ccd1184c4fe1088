package limits

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestFlood_WithoutKafkaIsRefusedAtOnceAndRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir})
	check(t, err)
	t.Cleanup(func() { _ = broker.Close() })
	s := startCommand(t, stack.Config{Broker: broker.Addr(), Command: []string{"ACK_TIMEOUT=2s"}})
	const clients, rounds = 5000, 2 // of whom 4096 may wait, which is the default of MAX_IN_FLIGHT
	flood := dialMany(t, s.Command, clients)
	check(t, broker.Close())
	answers := map[string]int{}
	for range rounds {
		each(t, clients, func(i int) error { return flood[i].request(http.MethodPost, "/api/v1/timestamp") })
		var mu sync.Mutex
		each(t, clients, func(i int) error {
			answer, err := flood[i].answer()
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			answers[answer.Text("code")]++
			if answer.Header.Get("Retry-After") == "" {
				t.Errorf("no Retry-After: %v", answer.Header)
			}
			return answer.Want(http.StatusServiceUnavailable)
		})
		requireServed(t, s.Command, http.MethodGet, "/livez")
	}
	t.Logf("answers without Kafka: %v", answers)
	if answers["too-many-in-flight"] < clients-4096 {
		t.Errorf("%d clients were refused at once", answers["too-many-in-flight"])
	}
	_, text, err := net.SplitHostPort(broker.Addr())
	check(t, err)
	port, err := strconv.Atoi(text)
	check(t, err)
	back, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir, Port: port})
	check(t, err)
	t.Cleanup(func() { _ = back.Close() })
	await.Until(t, func(ctx context.Context) error {
		answer, err := s.Command.Do(ctx, http.MethodPost, "/api/v1/timestamp")
		if err == nil {
			err = answer.Want(http.StatusOK)
		}
		return err
	})
	awaitMetric(t, s.CommandProcess, 0, "counterfoil_produce_in_flight")
	s.AwaitReady(t)
	requireMemory(t, "in a flood without Kafka", s.CommandProcess)
}
