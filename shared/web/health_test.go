package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

func TestHealth_LivesWhateverItNeeds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.health.Add(func() web.Status { return web.Status{Name: "kafka"} })
	for _, path := range []string{"/health", "/livez"} {
		if got := s.ask("GET", path, nil); got.Code != http.StatusOK || got.Body.String() != `{"status":"UP"}`+"\n" {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
		if got := s.ask("HEAD", path, nil); got.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, got.Code)
		}
	}
}

func TestHealth_ReadyWhileEveryCheckIs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	status := web.Status{Name: "kafka", OK: true}
	s.health.Add(func() web.Status { return status })
	s.health.Add(func() web.Status {
		return web.Status{Name: "topic", OK: true, Warning: true, Detail: "it deletes records"}
	})
	if got := s.ask("GET", "/readyz", nil); got.Code != http.StatusOK || got.Body.String() != `{"status":"UP"}`+"\n" {
		t.Errorf("a warning makes it unready: %d %s", got.Code, got.Body)
	}
	want := `{"status":"UP","checks":[{"name":"draining","ok":true},{"name":"kafka","ok":true},` +
		`{"name":"topic","ok":true,"warning":true,"detail":"it deletes records"}]}` + "\n"
	got := s.ask("GET", "/readyz?verbose", nil)
	if got.Body.String() != want || got.Header().Get("Content-Type") != "application/json" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %s %v", got.Body, got.Header())
	}
	status = web.Status{Name: "kafka", Detail: "connection refused"}
	if got := s.ask("GET", "/readyz", nil); got.Code != http.StatusServiceUnavailable || got.Body.String() != `{"status":"DOWN"}`+"\n" {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := s.ask("HEAD", "/readyz", nil); got.Code != http.StatusServiceUnavailable {
		t.Errorf("HEAD: %d", got.Code)
	}
	if got := s.ask("GET", "/readyz?verbose", nil); !strings.Contains(got.Body.String(), "connection refused") {
		t.Errorf("it does not say why: %s", got.Body)
	}
	status.OK = true
	if got := s.ask("GET", "/readyz", nil); got.Code != http.StatusOK {
		t.Errorf("it does not recover: %d", got.Code)
	}
}

func TestDrain_ReadinessGoesFirstAndTheDelayIsKept(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		done := make(chan time.Duration, 1)
		go func() {
			if err := s.health.Drain(slog.New(slog.DiscardHandler), 5*time.Second)(ctx); err != nil {
				t.Error(err)
			}
			done <- time.Since(began)
		}()
		synctest.Wait()
		if got := s.ask("GET", "/readyz", nil); got.Code != http.StatusOK {
			t.Errorf("before: %d", got.Code)
		}
		cancel()
		synctest.Wait()
		if got := s.ask("GET", "/readyz", nil); got.Code != http.StatusServiceUnavailable || len(done) != 0 {
			t.Errorf("while it drains: %d", got.Code)
		}
		if got := s.ask("GET", "/livez", nil); got.Code != http.StatusOK {
			t.Errorf("it lives while it drains: %d", got.Code)
		}
		if took := <-done; took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
