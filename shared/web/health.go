package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// Check says whether one thing that a service needs is there. It must be fast and must not call out: it reports what
// the service already knows. Detail is for a person; a warning does not make the service unready.
type Check func() Status

// Status is the result of a check.
type Status struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Warning bool   `json:"warning,omitempty"`
	Detail  string `json:"detail,omitempty"`
}

// Health answers whether the process lives and whether it should get traffic.
//
// /livez speaks of the process alone, never of PostgreSQL or Kafka: restarting a service does not bring them back.
// /readyz is 503 while draining or while a check fails; ?verbose says why.
type Health struct {
	mu       sync.Mutex
	checks   []*Check
	draining atomic.Bool
}

// Add adds a check to readiness, and returns what takes it away again.
func (h *Health) Add(check Check) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, &check)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.checks = slices.DeleteFunc(slices.Clone(h.checks), func(c *Check) bool { return c == &check })
	}
}

// Drain makes the service unready for good, and then waits for delay, so that whoever routes to it can stop. It is the part
// that stops first.
func (h *Health) Drain(log *slog.Logger, delay time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		h.draining.Store(true)
		log.Info("draining", "seconds", delay.Seconds())
		time.Sleep(delay)
		return nil
	}
}

// Statuses runs all checks.
func (h *Health) Statuses() []Status {
	h.mu.Lock()
	checks := h.checks
	h.mu.Unlock()
	statuses := []Status{{Name: "draining", OK: !h.draining.Load()}}
	for _, check := range checks {
		statuses = append(statuses, (*check)())
	}
	return statuses
}

// Ready reports whether the service should get traffic.
func (h *Health) Ready() bool {
	return !slices.ContainsFunc(h.Statuses(), func(s Status) bool { return !s.OK })
}

func (h *Health) routes(r *Router) {
	up := func(c echo.Context) error {
		return c.JSONBlob(http.StatusOK, []byte("{\"status\":\"UP\"}\n"))
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.Add(method, "/health", up)
		r.Add(method, "/livez", up)
		r.Add(method, "/readyz", h.ready)
	}
}

func (h *Health) ready(c echo.Context) error {
	answer := struct {
		Status string   `json:"status"`
		Checks []Status `json:"checks,omitempty"`
	}{Status: "UP"}
	statuses, code := h.Statuses(), http.StatusOK
	for _, s := range statuses {
		if !s.OK {
			answer.Status, code = "DOWN", http.StatusServiceUnavailable
		}
	}
	if c.QueryParams().Has("verbose") {
		answer.Checks = statuses
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSONBlob(code, append(body, '\n'))
}

func isHealth(path string) bool {
	return path == "/health" || path == "/livez" || path == "/readyz"
}
