package queryservice_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	queryservice "github.com/counterfoil/counterfoil/query-service"
)

// locked runs while nobody can read the table.
func (db *database) locked(table string, run func()) {
	db.t.Helper()
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `LOCK TABLE `+table); err != nil {
				return err
			}
			run()
			return nil
		})
	})
}

// A query that PostgreSQL gives up is the client's, and says nothing of whether the database is there.
func TestSlow_AQueryThatTakesTooLongIsNoDatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	s := start(t, db, func(cfg *queryservice.Config) { cfg.QueryTimeout = 500 * time.Millisecond })
	db.locked("trips_v1.trips", func() {
		for _, path := range []string{"/trips/query", "/trips/count"} {
			if a := s.post(path, `{"$filter": {"city": "Lagos"}}`); a.status != http.StatusServiceUnavailable || a.code() != "query-too-slow" || !strings.Contains(a.body, "$filter") {
				t.Errorf("%s: got %s", path, a)
			}
		}
	})
	s.requireReady()
	if lines := s.logs.lines("cannot be asked"); len(lines) > 0 {
		t.Errorf("the log says %v", lines)
	}
	eventually(t, "it is answered again", func() bool { return s.post("/trips/count", "").status == http.StatusOK })
}

func TestSlow_QueriesOfOthersTakeAllPlaces(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	s := start(t, db, func(cfg *queryservice.Config) { cfg.MaxQueries = 1; cfg.QueryTimeout = 5 * time.Second })
	db.locked("trips_v1.trips", func() {
		first := s.parked("/trips?limit=1")
		eventually(t, "it waits for the table", func() (waits bool) {
			db.as(db.SuperURL, func(ctx context.Context, conn *pgx.Conn) error {
				return conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'trips_v1.trips'::regclass)`).Scan(&waits)
			})
			return waits
		})
		if a := s.get("/api/v1/timestamp"); a.status != http.StatusServiceUnavailable || a.code() != "too-many-queries" || a.header.Get("Retry-After") != "1" {
			t.Errorf("got %s", a)
		}
		if a := s.get("/api/v1/timestamp/" + known); a.code() != "not-found" {
			t.Errorf("a look-up meanwhile: got %s", a)
		}
		if a := receive(t, first); a.code() != "query-too-slow" {
			t.Errorf("the first: got %s", a)
		}
	})
}

// As long as the database was never reached, nobody knows which models there are.
func TestSlow_NoModelIsDeniedBeforeTheDatabaseWasReached(t *testing.T) {
	t.Parallel()
	s := launch(t, unreachable(t))
	for _, path := range []string{"/trips", "/v2/trips/42", "/trips/phase"} {
		if a := s.get(path); a.status != http.StatusServiceUnavailable || a.code() != "database-away" {
			t.Errorf("%s: got %s", path, a)
		}
	}
	if a := s.get("/api/v1/timestamp/" + known); a.code() != "database-away" {
		t.Errorf("got %s", a)
	}
	if a := start(t, newDatabase(t)).get("/trips"); a.code() != "no-route" {
		t.Errorf("where it was reached: got %s", a)
	}
}
