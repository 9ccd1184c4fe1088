package integration

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestStart_TheServicesMayStartInAnyOrder(t *testing.T) {
	t.Parallel()
	s := stack.Prepare(t, stack.Config{})
	s.StartQuery(t)    // there is no table yet
	s.StartConsumer(t) // there is no topic yet
	answer, err := s.Query.Get(t.Context(), "/readyz")
	if err != nil || answer.Want(http.StatusServiceUnavailable) != nil {
		t.Errorf("without a table the readiness of the query-service is %d %s, error %v", answer.Status, answer.Body, err)
	}
	s.StartCommand(t)
	s.AwaitReady(t)
	mustRead(t, s, mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z").id)
}

func TestStart_AllFaultsOfTheConfigurationAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	for service, faulty := range map[string][]string{
		"command-service":  {"KAFKA_BROKER=nonsense", "KAFKA_PUBLISH_TOPIC=no topic", "ACK_TIMEOUT=soon", "LOG_LEVEL=loud"},
		"consumer-service": {"KAFKA_BROKER=nonsense", "KAFKA_CONSUMER_TOPIC=no topic", "DB_URL=mysql://", "SERVER_PORT=many"},
		"query-service":    {"DB_URL=mysql://", "SERVER_EXTRA_PORTS=x", "DRAIN_DELAY=soon"},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			p := process.Start(t, service, faulty...)
			if code := p.ExitCode(t); code != 2 {
				t.Errorf("it exits with %d, want 2\n%s", code, p.Output())
			}
			for _, setting := range faulty {
				if variable, _, _ := strings.Cut(setting, "="); !strings.Contains(p.Output(), variable) {
					t.Errorf("%s is not named:\n%s", variable, p.Output())
				}
			}
		})
	}
}

func TestStop_EveryTicketOfADrainingServiceIsKept(t *testing.T) {
	t.Parallel()
	s := stack.Prepare(t, stack.Config{Command: []string{"DRAIN_DELAY=2s"}})
	s.StartCommand(t)
	s.AwaitReady(t)
	var mu sync.Mutex
	var tickets []string
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				// With a key a client may repeat a request whose connection was closed before it was answered.
				held, err := post(t.Context(), s, "/api/v1/timestamp", "Idempotency-Key", newKey())
				if err != nil {
					return // nobody listens any more
				}
				mu.Lock()
				tickets = append(tickets, held.id)
				mu.Unlock()
			}
		})
	}
	given := func() int { mu.Lock(); defer mu.Unlock(); return len(tickets) }
	await.Until(t, func(context.Context) error {
		if given() < 100 {
			return errors.New("too few tickets")
		}
		return nil
	})
	stopped := make(chan error, 1)
	go func() { stopped <- s.CommandProcess.Stop() }()
	await.Until(t, func(ctx context.Context) error {
		if len(s.CommandProcess.Find("draining")) == 0 {
			return errors.New("it does not drain")
		}
		return nil
	})
	answer, err := s.Command.Get(t.Context(), "/readyz") // readiness goes first, and the rest goes on for a while
	if err != nil || answer.Want(http.StatusServiceUnavailable) != nil {
		t.Errorf("while draining the readiness is %d, error %v", answer.Status, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	clients.Wait()
	var kept []string
	for _, record := range s.Kafka(t).Records(s.Topic, len(tickets)) {
		kept = append(kept, string(record.Key))
	}
	for _, id := range tickets {
		if !slices.Contains(kept, id) {
			t.Errorf("ticket %s was given and its record is not in Kafka", id)
		}
	}
}
