package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// get returns the answer of a request that has to succeed.
func get(t *testing.T, service *client.Service, path string, header ...string) client.Answer {
	t.Helper()
	answer, err := service.Get(t.Context(), path, header...)
	if err == nil {
		err = answer.Want(http.StatusOK)
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func decode(t *testing.T, answer client.Answer, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.Body), into); err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
}

// ticket is what a client holds for its command.
type ticket struct{ id, position string }

// post sends a command and returns its ticket.
func post(ctx context.Context, s *stack.Stack, path string, header ...string) (ticket, error) {
	answer, err := s.Command.Do(ctx, http.MethodPost, path, header...)
	if err == nil {
		err = answer.Want(http.StatusOK)
	}
	if err != nil {
		return ticket{}, err
	}
	return ticket{id: answer.Text("id"), position: answer.Header.Get("Ticket-Position")}, nil
}

// mustPost is post for a command that has to succeed.
func mustPost(t *testing.T, s *stack.Stack, path string, header ...string) ticket {
	t.Helper()
	held, err := post(t.Context(), s, path, header...)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// read waits for the command's timestamp and returns the answer.
func read(ctx context.Context, s *stack.Stack, id string, header ...string) (client.Answer, error) {
	answer, err := s.Query.Get(ctx, "/api/v1/timestamp/"+id+"?wait=30s", header...)
	if err == nil {
		err = answer.Want(http.StatusOK)
	}
	return answer, err
}

// mustRead is read for a command that has to become visible.
func mustRead(t *testing.T, s *stack.Stack, id string, header ...string) client.Answer {
	t.Helper()
	answer, err := read(t.Context(), s, id, header...)
	if err != nil {
		t.Fatalf("read %s: %v", id, err)
	}
	return answer
}

// eventTime returns the event time of the n-th command of a test: each has another one.
func eventTime(n int) string {
	return fmt.Sprintf("2006-01-02T%02d:%02d:%02dZ", n/3600%24, n/60%60, n%60)
}

// all does something n times by that many clients at once and fails the test with the first error.
func all[T any](t *testing.T, n, clients int, do func(ctx context.Context, i int) (T, error)) []T {
	t.Helper()
	results := make([]T, n)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(clients)
	for i := range n {
		group.Go(func() error {
			result, err := do(ctx, i)
			if err != nil {
				return fmt.Errorf("number %d: %w", i, err)
			}
			results[i] = result
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return results
}

// postMany sends n commands, by that many clients at once, and returns their tickets.
func postMany(t *testing.T, s *stack.Stack, n, clients int) []ticket {
	t.Helper()
	return all(t, n, clients, func(ctx context.Context, i int) (ticket, error) {
		return post(ctx, s, "/api/v1/timestamp/"+eventTime(i))
	})
}

// readMany reads every ticket's timestamp and returns the bodies.
func readMany(t *testing.T, s *stack.Stack, tickets []ticket) []string {
	t.Helper()
	return all(t, len(tickets), 16, func(ctx context.Context, i int) (string, error) {
		answer, err := read(ctx, s, tickets[i].id)
		return answer.Body, err
	})
}
