package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
)

// newClient returns a client of a service that answers every request by the function.
func newClient(t *testing.T, answer http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return client.New(target.Target{Value: server.URL})
}

func TestReady_ReadsTheChecksOfAServiceThatIsNotReady(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/readyz?verbose" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"DOWN","checks":[{"name":"kafka","ok":false,"detail":"away"}]}`))
	})
	got, err := c.Ready(t.Context())
	if err != nil || got.Ready || len(got.Checks) != 1 || got.Checks[0].Name != "kafka" || got.Checks[0].Detail != "away" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReady_AStrangerIsNoService(t *testing.T) {
	t.Parallel()
	if _, err := newClient(t, http.NotFound).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "is it really the service?") {
		t.Errorf("got %v", err)
	}
	_, err := client.New(target.Target{Value: "http://127.0.0.1:1"}).Ready(t.Context())
	if away, ok := errors.AsType[*client.Unreachable](err); !ok || away.MayHaveArrived() {
		t.Errorf("got %v", err)
	}
}

func TestSend_SendsWhatItIsTold(t *testing.T) {
	t.Parallel()
	var got *http.Request
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Ticket-Position", "t/3@17")
		w.Header()["correlationId"] = []string{"c"}
		_, _ = w.Write([]byte(`{"id":"1"}`))
	})
	accepted, err := c.Send(t.Context(), client.Command{Timestamp: "2009-09-28T21:03:12+02:00", IdempotencyKey: "k", CorrelationID: "c"})
	if err != nil || accepted != (client.Accepted{ID: "1", Position: "t/3@17", CorrelationID: "c"}) {
		t.Errorf("accepted %+v, %v", accepted, err)
	}
	if got.Method != http.MethodPost || got.URL.Path != "/api/v1/timestamp/2009-09-28T21:03:12+02:00" ||
		got.Header.Get("Idempotency-Key") != "k" || got.Header.Get("correlationId") != "c" {
		t.Errorf("sent %s %s %v", got.Method, got.URL, got.Header)
	}
}

func TestSend_AProblemIsToldWhole(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"title":"Busy","detail":"Try again.","status":503,"code":"too-many-in-flight","correlation_id":"c"}`))
	})
	_, err := c.Send(t.Context(), client.Command{})
	if _, ok := errors.AsType[*client.Problem](err); !ok || err.Error() != "Busy: Try again. (503 too-many-in-flight, correlation id c)" {
		t.Errorf("got %v", err)
	}
}
