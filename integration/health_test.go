package integration

import (
	"net/http"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// everyService runs the test once for each service of the shared stack.
func everyService(t *testing.T, test func(t *testing.T, service *client.Service)) {
	s := stack.Shared(t)
	for name, service := range map[string]*client.Service{"command": s.Command, "consumer": s.Consumer, "query": s.Query} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, service)
		})
	}
}

func TestHealth_SaysUpWithAndWithoutHeaders(t *testing.T) {
	t.Parallel()
	everyService(t, func(t *testing.T, service *client.Service) {
		for _, path := range []string{"/health", "/livez", "/readyz"} {
			for _, header := range [][]string{
				nil,
				{"correlationId", "95d5905e-a25a-4932-bc44-aa95563a7a38"},
				{"correlationId", "nonsense"}, // whoever probes a service need not know our headers
			} {
				answer := get(t, service, path, header...)
				if answer.Body != `{"status":"UP"}`+"\n" {
					t.Errorf("GET %s with %q answers %s", path, header, answer.Body)
				}
			}
			head, err := service.Do(t.Context(), http.MethodHead, path)
			if err != nil || head.Want(http.StatusOK) != nil {
				t.Errorf("HEAD %s answers %d, error %v", path, head.Status, err)
			}
		}
	})
}

func TestHealth_ReadinessTellsItsReasonsWhenAsked(t *testing.T) {
	t.Parallel()
	everyService(t, func(t *testing.T, service *client.Service) {
		var verbose struct {
			Status string
			Checks []struct {
				Name string
				OK   bool
			}
		}
		decode(t, get(t, service, "/readyz?verbose"), &verbose)
		if verbose.Status != "UP" || len(verbose.Checks) < 2 {
			t.Fatalf("readiness is %+v", verbose)
		}
		for _, check := range verbose.Checks {
			if check.Name == "" || !check.OK {
				t.Errorf("check %+v of a service that is ready", check)
			}
		}
	})
}

func TestProblems_AreDocumentsWithACorrelationID(t *testing.T) {
	t.Parallel()
	const correlation = "0b3a5f0e-6f0c-4f6c-9d7e-0c6d0f1b2a3c"
	everyService(t, func(t *testing.T, service *client.Service) {
		for _, c := range []struct {
			method, path, code string
			status             int
			correlation        string
		}{
			{http.MethodGet, "/nothing/here", "no-route", http.StatusNotFound, correlation},
			{http.MethodGet, "/", "no-route", http.StatusNotFound, correlation},
			{http.MethodDelete, "/health", "method-not-allowed", http.StatusMethodNotAllowed, correlation},
			{http.MethodGet, "/metrics", "no-route", http.StatusNotFound, correlation},      // it is on the admin port only
			{http.MethodGet, "/debug/pprof/", "no-route", http.StatusNotFound, correlation}, // likewise
			{http.MethodGet, "/openapi.yaml", "invalid-correlation-id", http.StatusBadRequest, "7"},
		} {
			answer, err := service.Do(t.Context(), c.method, c.path, "correlationId", c.correlation)
			if err != nil {
				t.Error(err)
				continue
			}
			if answer.Status != c.status || answer.Text("code") != c.code {
				t.Errorf("%s %s answers %d %s, want %d %s", c.method, c.path, answer.Status, answer.Body, c.status, c.code)
			}
			id := answer.Header.Get("correlationId")
			if id != answer.Text("correlation_id") || id == c.correlation != (c.correlation == correlation) {
				t.Errorf("%s %s answers the correlation id %q, and %s", c.method, c.path, id, answer.Body)
			}
		}
	})
}
