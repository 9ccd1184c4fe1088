package pgtest

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/internal/tempdir"
)

// A Server is a PostgreSQL server of one test, which can take it away and bring it
// back with the same data on the same port.
type Server struct {
	t        testing.TB
	dir      *tempdir.Dir
	postgres *embedded.Postgres
}

// Own starts a server that no other test sees. It is stopped when the test has ended.
func Own(t testing.TB) *Server {
	t.Helper()
	dir, err := tempdir.New("counterfoil-pgtest")
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s := &Server{t: t, dir: dir}
	t.Cleanup(s.remove)
	port, err := embedded.StablePort()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	s.start(port)
	return s
}

// Database makes an empty database on the server.
func (s *Server) Database() *DB {
	s.t.Helper()
	return makeDatabase(s.t, s.postgres.URL("postgres"))
}

// Away ends the server as a crash would, with all of its connections.
func (s *Server) Away() {
	s.t.Helper()
	if err := s.postgres.StopImmediate(); err != nil {
		s.t.Fatalf("pgtest: %v", err)
	}
}

// Back starts the server again after Away and returns when it accepts connections.
func (s *Server) Back() {
	s.t.Helper()
	s.start(s.postgres.Port())
}

func (s *Server) start(port int) {
	s.t.Helper()
	// Long enough for a download.
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	postgres, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{
		Dir: s.dir.Path(), Port: port,
		Durable: true, // what was committed has to be there when it is back
	})
	if err != nil {
		s.t.Fatalf("pgtest: %v", err)
	}
	s.postgres = postgres
}

func (s *Server) remove() {
	if s.postgres != nil {
		if err := s.postgres.StopImmediate(); err != nil {
			s.t.Errorf("pgtest: %v", err)
		}
		if err := os.RemoveAll(s.postgres.Dir()); err != nil {
			s.t.Errorf("pgtest: %v", err)
		}
	}
	if err := s.dir.Remove(); err != nil {
		s.t.Errorf("pgtest: %v", err)
	}
}
