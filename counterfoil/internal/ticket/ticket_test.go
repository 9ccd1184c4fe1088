package ticket

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

const id = "01997f2e-8c1b-7c3e-9a4d-0d2f6f0f9a11"

// serve answers every request by the function and returns the address.
func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

// problem answers with a problem document.
func problem(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"title": "Title", "detail": "Do this.", "status": status, "code": code, "id": id})
	}
}

// outcome answers tickets with an outcome and everything else with a row.
func outcome(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v1/tickets/") {
			_, _ = w.Write([]byte(`{"id":"` + id + `","outcome":"` + name + `"}`))
			return
		}
		_, _ = w.Write([]byte(`{"command_id":"` + id + `","id":"` + id + `"}`))
	}
}

// run runs a command and returns what it shows and its exit code.
func run(t *testing.T, command interface {
	Run(ctx context.Context, p *show.Printer) error
}) (Ticket, int, error) {
	t.Helper()
	var out bytes.Buffer
	err := command.Run(t.Context(), show.New(show.Options{Out: &out, Err: &bytes.Buffer{}, JSON: true}))
	var shown Ticket
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &shown); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
	}
	return shown, exit.Code(err), err
}

func TestSend_AnUnknownOutcomeKeepsItsTicket(t *testing.T) {
	t.Parallel()
	unacknowledged := serve(t, problem(http.StatusServiceUnavailable, "outcome-unknown"))
	shown, code, _ := run(t, &Send{CommandURL: unacknowledged, Data: t.TempDir()})
	if shown.ID != id || shown.Outcome != unknown || code != exit.Unknown {
		t.Errorf("shown %+v, exit code %d", shown, code)
	}
	for name, want := range map[string]struct {
		outcome string
		code    int
	}{"applied": {applied, exit.OK}, "pending": {unknown, exit.Unknown}} {
		shown, code, _ := run(t, &Send{CommandURL: unacknowledged, QueryURL: serve(t, outcome(name)), Wait: time.Millisecond, Data: t.TempDir()})
		if shown.ID != id || shown.Outcome != want.outcome || code != want.code {
			t.Errorf("looked up as %s: shown %+v, exit code %d", name, shown, code)
		}
	}
}

func TestSend_ALostAnswerIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	cut := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if _, code, err := run(t, &Send{CommandURL: cut, Data: t.TempDir()}); code != exit.Unknown || !strings.Contains(err.Error(), "--idempotency-key") {
		t.Errorf("exit code %d, %v", code, err)
	}
	if _, code, err := run(t, &Send{CommandURL: "http://127.0.0.1:1", Data: t.TempDir()}); code != exit.Failed {
		t.Errorf("where nothing listens: exit code %d, %v", code, err)
	}
}

func TestSend_ARefusalIsToldByItsKind(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusBadRequest: exit.Usage, http.StatusServiceUnavailable: exit.Failed, http.StatusInternalServerError: exit.Failed} {
		_, code, err := run(t, &Send{CommandURL: serve(t, problem(status, "too-many-in-flight")), Data: t.TempDir()})
		if code != want || !strings.Contains(err.Error(), "Do this.") {
			t.Errorf("status %d: exit code %d, %v", status, code, err)
		}
	}
	if _, code, err := run(t, &Send{CommandURL: serve(t, http.NotFound), Data: t.TempDir()}); code != exit.Failed || !strings.Contains(err.Error(), "is it really the service?") {
		t.Errorf("a stranger: exit code %d, %v", code, err)
	}
}

func TestGet_EndsWithTheCodeOfTheOutcome(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"applied": exit.OK, "pending": exit.NotYet, "parked": exit.Refused, "rejected": exit.Refused} {
		shown, code, err := run(t, &Get{ID: id, QueryURL: serve(t, outcome(name)), Data: t.TempDir()})
		if code != want || shown.Outcome != name || (shown.Row != nil) != (name == "applied") {
			t.Errorf("%s: exit code %d, shown %+v, %v", name, code, shown, err)
		}
	}
	if _, code, _ := run(t, &Get{ID: id, QueryURL: serve(t, problem(http.StatusNotFound, "no-such-command")), Data: t.TempDir()}); code != exit.NotYet {
		t.Errorf("a command that never was: exit code %d", code)
	}
}

func TestGet_ALongWaitIsSeveralRequests(t *testing.T) {
	t.Parallel()
	var waits []string
	query := serve(t, func(w http.ResponseWriter, r *http.Request) {
		waits = append(waits, r.URL.Query().Get("wait"))
		if len(waits) < 3 {
			outcome("pending")(w, r)
			return
		}
		outcome("parked")(w, r)
	})
	_, code, _ := run(t, &Get{ID: id, QueryURL: query, Wait: time.Hour, Data: t.TempDir()})
	if code != exit.Refused || len(waits) != 3 || waits[0] != "30s" {
		t.Errorf("exit code %d after waits of %q", code, waits)
	}
}
