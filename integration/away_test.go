package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestG5_PostgresAwayUnderTrafficDelaysAndLosesNothing(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	s := stack.Own(t, stack.Config{Database: server.Database()})
	load := startLoad(t, s, 4)
	load.await(100)
	server.Away()
	load.await(200) // commands are taken all the same
	await.Until(t, func(ctx context.Context) error {
		failures, _, err := s.ConsumerProcess.Metric(ctx, "counterfoil_batch_failures_total")
		if err == nil && failures == 0 {
			err = errors.New("the consumer has not noticed")
		}
		return err
	})
	held := mustPost(t, s, "/api/v1/timestamp")
	await.Until(t, func(ctx context.Context) error {
		answer, err := s.Query.Get(ctx, "/api/v1/timestamp/"+held.id)
		if err == nil && (answer.Status != http.StatusServiceUnavailable || answer.Text("code") != "database-away" || answer.Header.Get("Retry-After") == "") {
			err = fmt.Errorf("without PostgreSQL the answer is %d %v %s", answer.Status, answer.Header, answer.Body)
		}
		return err
	})
	for name, path := range map[string]string{"the query-service": "/livez", "the consumer-service": "/livez"} {
		service := s.Query
		if name == "the consumer-service" {
			service = s.Consumer
		}
		if answer, err := service.Get(t.Context(), path); err != nil || answer.Want(http.StatusOK) != nil {
			t.Errorf("%s would be restarted, which helps nobody: %d %s, error %v", name, answer.Status, answer.Body, err)
		}
	}
	server.Back()
	load.await(100)
	tickets := append(load.requireNoneRefused(), held)
	s.AwaitRows(t, int64(len(tickets)))
	awaitApplied(t, s, tickets)
	requireWhole(t, s)
	readMany(t, s, tickets)
	if parked, err := s.Number(t.Context(), `SELECT count(*) FROM counterfoil.parked`); err != nil || parked != 0 {
		t.Errorf("%d records were parked, error %v", parked, err)
	}
	s.AwaitReady(t)
}
