package queryservice_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// everyRoute are requests that need the database.
var everyRoute = []string{
	"/api/v1/timestamp/" + known, "/api/v1/timestamp/" + known + "?wait=30s", "/api/v1/timestamp",
	"/api/v1/tickets/" + known, "/api/v1/tickets/" + known + "?wait=30s&position=timestamp.command.v1/0@0",
}

func (s *running) requireUnavailable(code string) {
	s.t.Helper()
	for _, path := range everyRoute {
		a := s.get(path)
		if a.status != http.StatusServiceUnavailable || a.code() != code || a.header.Get("Retry-After") != "1" || a.header.Get("Cache-Control") != "no-store" {
			s.t.Errorf("%s: got %s, want %s", path, a, code)
		}
	}
	if a := s.get("/readyz?verbose"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, `"DOWN"`) {
		s.t.Errorf("/readyz: got %s", a)
	}
	for _, path := range []string{"/health", "/livez"} {
		if a := s.get(path); a.status != http.StatusOK || !strings.Contains(a.body, `"UP"`) {
			s.t.Errorf("%s: got %s", path, a)
		}
	}
}

func TestDatabase_AwayAtStartAndLaterIsWaitedFor(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	db := &database{DB: server.Database(), t: t}
	db.create()
	db.insert(row{known, noon})
	server.Away()
	s := launch(t, db.ReaderURL)
	requireAway := func() {
		t.Helper()
		eventually(t, "it is known that the database is away", func() bool {
			return strings.Contains(s.get("/readyz?verbose").body, `{"name":"database","ok":false`)
		})
		s.requireUnavailable("database-away")
	}
	requireAway()
	server.Back()
	s.requireReady()
	if a := s.get("/api/v1/timestamp/" + known); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}

	// Whoever waits when the database goes is answered when it is back.
	id, rounds := newID(t), `counterfoil_long_poll_rounds_total{question="timestamp"}`
	answers := s.parked("/api/v1/timestamp/" + id + "?wait=30s")
	s.requireWaiting(1)
	before := s.metric(rounds)
	// Two rounds later it has had its first look.
	eventually(t, "it is looked for", func() bool { return s.metric(rounds) >= before+2 })
	server.Away()
	server.Back()
	db.apply(row{id, noon})
	if a := receive(t, answers); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}
	s.requireReady()

	server.Away()
	requireAway()
}

func TestDatabase_WithoutTheReadModelIsWaitedFor(t *testing.T) {
	t.Parallel()
	db := &database{DB: pgtest.Database(t), t: t}
	s := launch(t, db.ReaderURL)
	eventually(t, "it is known that the read model is missing", func() bool {
		return strings.Contains(s.get("/readyz?verbose").body, `{"name":"database","ok":true},{"name":"read models","ok":false`)
	})
	s.requireUnavailable("read-model-missing")
	db.create()
	s.requireReady()
	if a := s.get("/readyz?verbose"); !strings.Contains(a.body, "timestamp/v1 serves") {
		t.Errorf("got %s", a)
	}
	db.insert(row{known, noon})
	if a := s.get("/api/v1/timestamp/" + known); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}
}

func TestDatabase_DroppedAndMadeAnewNeedsNoRestart(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.insert(row{known, noon})
	if a := s.get("/api/v1/timestamp/" + known); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}
	db.recreate()
	eventually(t, "it is known that the read model is missing", func() bool {
		return s.get("/api/v1/timestamp/"+known).code() == "read-model-missing"
	})
	s.requireUnavailable("read-model-missing")
	db.create()
	s.requireReady()
	db.insert(row{known, noon})
	if a := s.get("/api/v1/timestamp/" + known); a.status != http.StatusOK {
		t.Errorf("got %s", a)
	}
}

func TestDatabase_TableThatIsDroppedIsMissingUntilItIsBack(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.exec(db.OwnerURL, `DROP TABLE timestamp_v1.timestamp_records`)
	if a := s.get("/api/v1/timestamp/" + known); a.code() != "read-model-missing" {
		t.Errorf("got %s", a)
	}
	s.requireUnavailable("read-model-missing")
	db.create()
	s.requireReady()
	if a := s.get("/api/v1/timestamp/" + known); a.code() != "not-found" {
		t.Errorf("got %s", a)
	}
}

// A reader that still knows the old version when it is dropped notices by the missing table, without a failed request.
func TestDatabase_SwitchOfTheServingVersionFailsNoRequest(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.insert(row{known, noon})
	db.serveVersion2()
	db.exec(db.OwnerURL, `DROP SCHEMA timestamp_v1 CASCADE`)
	db.exec(db.OwnerURL, `INSERT INTO timestamp_v2.timestamp_records VALUES ($1, $2, $3)`, known, noon, created)
	for _, path := range []string{"/api/v1/timestamp/" + known, "/api/v1/timestamp", "/api/v1/tickets/" + known} {
		if a := s.get(path); a.status != http.StatusOK || a.header.Get("Read-Model") != "timestamp/v2" {
			t.Errorf("%s: got %s", path, a)
		}
	}
}

func TestDatabase_SlowQueryIsUnavailableNotADefect(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db, func(cfg *queryservice.Config) {
		cfg.QueryTimeout = 100 * time.Millisecond
		cfg.Database.MaxConns = 2
	})
	db.insert(row{known, noon})
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `LOCK TABLE timestamp_v1.timestamp_records`); err != nil {
				return err
			}
			// More than there are connections, so that some wait for one in vain.
			var all []<-chan answer
			for _, path := range everyRoute {
				for range 3 {
					all = append(all, s.parked(path))
				}
			}
			for _, answers := range all {
				if a := receive(t, answers); a.status != http.StatusServiceUnavailable || a.code() != "database-away" {
					t.Errorf("got %s", a)
				}
			}
			return nil
		})
	})
	eventually(t, "it answers again", func() bool { return s.get("/api/v1/timestamp/"+known).status == http.StatusOK })
}

// requireRefusal waits until the service has ended by itself, and returns why.
func (s *running) requireRefusal() string {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.t.Fatal("it goes on")
	}
	err := s.stop()
	if err == nil {
		s.t.Fatal("it ended without an error")
	}
	return err.Error()
}

func TestRole_ThatCanDoMoreThanSelectIsRefused(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	for name, c := range map[string]struct{ url, right string }{
		"writer":    {db.WriterURL, "INSERT on table counterfoil.parked"},
		"owner":     {db.OwnerURL, "role attribute CREATEDB"},
		"superuser": {db.SuperURL, "role attribute SUPERUSER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := launch(t, c.url).requireRefusal()
			if !strings.Contains(err, c.right) || !strings.Contains(err, "connect as "+postgres.ReaderRole) {
				t.Errorf("got %s", err)
			}
		})
	}
}

func TestRole_ThatCanDoMoreIsRefusedWhenTheReadModelAppears(t *testing.T) {
	t.Parallel()
	db := &database{DB: pgtest.Database(t), t: t}
	s := launch(t, db.WriterURL)
	eventually(t, "it is known that the read model is missing", func() bool {
		return s.get("/api/v1/timestamp/"+known).code() == "read-model-missing"
	})
	db.create()
	if err := s.requireRefusal(); !strings.Contains(err, "may do more than SELECT") {
		t.Errorf("got %s", err)
	}
}

func TestRole_ThatMayNotReadIsNotReady(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.exec(db.OwnerURL, `REVOKE ALL ON SCHEMA counterfoil FROM counterfoil_reader`)
	s := launch(t, db.ReaderURL)
	eventually(t, "it is known that the role may not read", func() bool {
		return s.get("/api/v1/timestamp/"+known).code() == "misconfigured"
	})
	s.requireUnavailable("misconfigured")
	db.exec(db.OwnerURL, `GRANT USAGE ON SCHEMA counterfoil TO counterfoil_reader`)
	s.requireReady()
}
