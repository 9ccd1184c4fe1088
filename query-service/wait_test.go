package queryservice_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	queryservice "github.com/counterfoil/counterfoil/query-service"
)

func TestWait_NotificationWakesIt(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	eventually(t, "it listens", func() bool { return len(s.logs.lines("listening for notifications")) == 2 })
	applied, unknown := newID(t), newID(t)
	timestamp := s.parked("/api/v1/timestamp/" + applied + "?wait=30s")
	ticket := s.parked("/api/v1/tickets/" + applied + "?wait=30")
	exact := s.parked("/api/v1/tickets/"+applied+"?position=timestamp.command.v1/0@7", "Prefer: respond-async, wait=60")
	never := s.parked("/api/v1/tickets/" + unknown + "?wait=30s&position=timestamp.command.v1/0@7")
	parked := s.parked("/api/v1/tickets/" + parkedID + "?wait=30s")
	s.requireWaiting(5)

	db.checkpoint(group, topic+"/0@8")
	db.park(parkedID, "missing-field", "event_timestamp is missing", topic+"/0@6")
	db.apply(row{applied, noon})
	if a := receive(t, timestamp); a.status != http.StatusOK || a.header.Get("ETag") == "" || a.header.Get("Preference-Applied") != "" {
		t.Errorf("the timestamp: got %s", a)
	}
	if a := receive(t, ticket); !strings.Contains(a.body, `"applied"`) {
		t.Errorf("the ticket: got %s", a)
	}
	if a := receive(t, exact); !strings.Contains(a.body, `"applied"`) && a.code() != "no-such-command" || a.header.Get("Preference-Applied") != "wait=30" {
		t.Errorf("the ticket with its position: got %s", a)
	}
	if a := receive(t, never); a.code() != "no-such-command" {
		t.Errorf("the ticket that never was: got %s", a)
	}
	if a := receive(t, parked); !strings.Contains(a.body, `"parked"`) {
		t.Errorf("the ticket of a parked record: got %s", a)
	}
	s.requireWaiting(0)
	// By chance the re-check may be the one that finds a row, but not again and again.
	eventually(t, "a notification wakes somebody", func() bool {
		again := newID(t)
		answers := s.parked("/api/v1/timestamp/" + again + "?wait=30s")
		s.requireWaiting(1)
		db.apply(row{again, noon})
		receive(t, answers)
		return s.metric(`counterfoil_long_poll_wake_seconds_count{question="timestamp"}`) > 0
	})
}

// Where notifications fail, the re-check finds the row.
func TestWait_RowIsFoundWithoutNotificationToo(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	answers := s.parked("/api/v1/timestamp/" + known + "?wait=30s")
	s.requireWaiting(1)
	db.insert(row{known, noon})
	if a := receive(t, answers); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}
}

func TestWait_TimeIsUpIsAnsweredWithWhatIsKnown(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for _, c := range []struct{ query, prefer, applied string }{
		{"?wait=10ms", "", ""},
		{"?wait=0", "", ""},
		{"?wait=0s", "wait=20", ""},
		{"", "wait=0", "wait=0"},
		{"", `foo; wait=3, WAIT="0", wait=20`, "wait=0"},
		{"", "respond-async, handling=lenient", ""},
		{"", "wait=soon, wait=20", ""},
		{"", "wait=-1", ""},
		{"", "wait", ""},
	} {
		for _, path := range []string{"/api/v1/timestamp/", "/api/v1/tickets/"} {
			a := s.get(path+known+c.query, "Prefer: "+c.prefer)
			if a.code() != "not-found" && !strings.Contains(a.body, `"pending"`) || a.header.Get("Retry-After") != "1" || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s%s, Prefer: %s: got %s", path, c.query, c.prefer, a)
			}
			if got := a.header.Get("Preference-Applied"); got != c.applied {
				t.Errorf("%s%s, Prefer: %s: Preference-Applied is %q, want %q", path, c.query, c.prefer, got, c.applied)
			}
		}
	}
}

func TestWait_DurationThatIsNoneIsInvalid(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for _, wait := range []string{"", "soon", "-1", "-1s", "1.5", "10x", "1s&wait=2s", "NaN", "1e3s"} {
		for _, path := range []string{"/api/v1/timestamp/", "/api/v1/tickets/"} {
			if a := s.get(path + known + "?wait=" + wait); a.status != http.StatusBadRequest || a.code() != "invalid-parameter" {
				t.Errorf("%s?wait=%s: got %s", path, wait, a)
			}
		}
	}
}

func TestWait_StopAnswersEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	timestamp := s.parked("/api/v1/timestamp/" + known + "?wait=30s")
	ticket := s.parked("/api/v1/tickets/" + known + "?wait=30s")
	s.requireWaiting(2)
	began := make(chan error, 1)
	go func() { began <- s.stop() }()
	if a := receive(t, timestamp); a.code() != "not-found" || a.header.Get("Retry-After") != "1" || !a.closed {
		t.Errorf("the timestamp: got %s, connection closed: %v", a, a.closed)
	}
	if a := receive(t, ticket); !strings.Contains(a.body, `"pending"`) || a.header.Get("Retry-After") != "1" || !a.closed {
		t.Errorf("the ticket: got %s, connection closed: %v", a, a.closed)
	}
	if err := <-began; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestWait_OneTooManyIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db, func(cfg *queryservice.Config) { cfg.MaxWaiting = 2 })
	first := s.parked("/api/v1/timestamp/" + known + "?wait=30s")
	second := s.parked("/api/v1/tickets/" + known + "?wait=30s")
	s.requireWaiting(2)
	for _, path := range []string{"/api/v1/timestamp/", "/api/v1/tickets/"} {
		a := s.get(path + known + "?wait=30s")
		if a.status != http.StatusServiceUnavailable || a.code() != "too-many-waiting" || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got %s", path, a)
		}
		if a := s.get(path + known); a.status == http.StatusServiceUnavailable {
			t.Errorf("%s without waiting: got %s", path, a)
		}
	}
	db.apply(row{known, noon})
	receive(t, first)
	receive(t, second)
	s.requireWaiting(0)
	if a := s.get("/api/v1/timestamp/" + newID(t) + "?wait=1ms"); a.code() != "not-found" {
		t.Errorf("when there is room again: got %s", a)
	}
}

func TestWait_ClientThatLeavesFreesItsPlace(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := s.try(ctx, http.MethodGet, "/api/v1/timestamp/"+known+"?wait=30s")
		left <- err
	}()
	s.requireWaiting(1)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.requireWaiting(0)
	eventually(t, "the request is logged", func() bool { return len(s.logs.lines(`"status":499`)) == 1 })
	if line := s.logs.lines(`"status":499`)[0]; line["level"] != "INFO" || line["command_id"] != known {
		t.Errorf("the request's line is %v", line)
	}
	if n := s.metric(`counterfoil_http_requests_total{code="499",method="GET",route="/api/v1/timestamp/:id"}`); n != 1 {
		t.Errorf("%v requests are counted as given up, want 1", n)
	}
}

// Waiting needs no connection to the database, so that many may wait while others ask.
func TestWait_ManyShareAFewConnections(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db, func(cfg *queryservice.Config) { cfg.Database.MaxConns = 2 })
	const many = 200
	var rows []row
	var answers []<-chan answer
	for range many {
		id := newID(t)
		rows = append(rows, row{id, noon})
		answers = append(answers, s.parked("/api/v1/timestamp/"+id+"?wait=30s"))
	}
	s.requireWaiting(many)
	if a := s.get("/api/v1/timestamp/" + known); a.code() != "not-found" {
		t.Errorf("another request meanwhile: got %s", a)
	}
	db.apply(rows...)
	for i := range answers {
		if a := receive(t, answers[i]); a.status != http.StatusOK || !strings.Contains(a.body, rows[i].id.(string)) {
			t.Errorf("got %s for %s", a, rows[i].id)
		}
	}
	if n := s.metric("counterfoil_db_pool_connections"); n > 2 {
		t.Errorf("the pool has %v connections", n)
	}
}
