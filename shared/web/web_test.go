package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

const correlation = "52f2665d-c087-42e5-a571-89061021a37c"

// site is a router that tests add routes to and then ask.
type site struct {
	*web.Router
	health   *web.Health
	registry *prometheus.Registry
	logs     *logs
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{health: &web.Health{}, registry: prometheus.NewRegistry(), logs: &logs{}}
	log := telemetry.NewLogger(s.logs, slog.LevelDebug, "test")
	s.Router = web.NewRouter(log, s.registry, s.health, []byte("openapi: 3.1.0\n"))
	return s
}

// ask sends a request with headers given as "Name: value", straight into the router.
func (s *site) ask(method, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, target, body)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	return s.answer(request)
}

func (s *site) answer(request *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	s.ServeHTTP(recorder, request)
	return recorder
}

// metrics returns the series of the site in the text format.
func (s *site) metrics() string {
	recorder := httptest.NewRecorder()
	web.Admin(s.registry).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return recorder.Body.String()
}

// requireProblem checks what all problem documents have in common and returns the document.
func requireProblem(t *testing.T, got *httptest.ResponseRecorder, status int, code string) web.Problem {
	t.Helper()
	var p web.Problem
	if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
		t.Fatalf("not a problem document: %v: %d %s", err, got.Code, got.Body)
	}
	if got.Code != status || p.Status != status || p.Code != code || p.Type != "urn:counterfoil:problem:"+code || p.Title == "" || p.Detail == "" {
		t.Errorf("got %d %s, want %d %s", got.Code, got.Body, status, code)
	}
	if ct := got.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q", ct)
	}
	if got.Header().Get("Cache-Control") != "no-store" {
		t.Error("a cache may keep the problem")
	}
	if id := correlationOf(got); p.CorrelationID != id || id == "" {
		t.Errorf("correlation id %q in the header, %q in the document", id, p.CorrelationID)
	}
	return p
}

// correlationOf returns the header as it is written: clients of the published form look for correlationId.
func correlationOf(got *httptest.ResponseRecorder) string {
	if values := got.Header()["correlationId"]; len(values) == 1 {
		return values[0]
	}
	return ""
}

// logs keeps what is logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines returns the lines with that message.
func (l *logs) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []map[string]any
	for text := range strings.Lines(l.buf.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("a line that is not JSON: %v: %s", err, text)
		}
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}
