package limits

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// Idle connections and answers that nobody takes have limits that are longer than a test should be; package web shows
// those with a clock of its own.
func TestSlowClients_AreCutAndMakeNoCommand(t *testing.T) {
	t.Parallel()
	s := startCommand(t, stack.Config{})
	const many = 300
	silent := dialMany(t, s.Command, many)
	headers := dialMany(t, s.Command, many)
	bodies := dialMany(t, s.Command, many)
	chunks := dialMany(t, s.Command, many)
	each(t, many, func(i int) error { return headers[i].send("POST /api/v1/timestamp HTTP/1.1", "Host: limits") })
	each(t, many, func(i int) error {
		if err := bodies[i].request("POST", "/api/v1/timestamp", "Content-Length: 100"); err != nil {
			return err
		}
		return bodies[i].send("x")
	})
	each(t, many, func(i int) error {
		if err := chunks[i].request("POST", "/api/v1/timestamp", "Transfer-Encoding: chunked"); err != nil {
			return err
		}
		return chunks[i].send("1", "x")
	})
	requireServed(t, s.Command, http.MethodGet, "/livez")
	for i := range many {
		silent[i].requireCut(t)
		headers[i].requireCut(t)
		requireProblem(t, bodies[i].mustAnswer(t), http.StatusBadRequest, "broken-request")
		bodies[i].requireCut(t)
		requireProblem(t, chunks[i].mustAnswer(t), http.StatusBadRequest, "broken-request")
		chunks[i].requireCut(t)
	}
	awaitMetric(t, s.CommandProcess, 0, "counterfoil_produce_ack_seconds_count")
	requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
	requireMemory(t, "with slow clients", s.CommandProcess)
}

func TestSlowClients_WhoDoNotReadDoNotFillTheMemory(t *testing.T) {
	t.Parallel()
	s := startCommand(t, stack.Config{})
	const many = 200
	pipelined := strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: limits\r\n\r\n", 1000) // far more than the sockets hold
	deaf := dialMany(t, s.Command, many)
	done := make(chan struct{}, many)
	for _, w := range deaf {
		go func() {
			_ = w.send(pipelined) // stands still, or ends, when the service writes no more
			done <- struct{}{}
		}()
	}
	await.Until(t, func(ctx context.Context) error {
		answered, _, err := s.CommandProcess.Metric(ctx, "counterfoil_http_requests_total", `route="/openapi.yaml"`)
		if err == nil && answered < 50*many {
			err = fmt.Errorf("%v requests of clients who do not read are answered", answered)
		}
		return err
	})
	requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
	requireServed(t, s.Command, http.MethodGet, "/livez")
	requireMemory(t, "with clients who do not read", s.CommandProcess)
	hangUp(deaf)
	for range deaf {
		<-done
	}
}
