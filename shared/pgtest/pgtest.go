// Package pgtest gives each test a PostgreSQL database of its own, on one server
// for the whole test process.
//
// The server is started at first use and ends with the process, also when that is
// killed; [Main] stops it in good order. It keeps nothing through a power failure.
// Set TEST_DB_URL to a superuser's URL to use a server that runs already. [Own]
// starts another one that a test may take away. Tests only.
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/internal/tempdir"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// A DB is a database that exists for one test.
type DB struct {
	// Name is the database's name, unique on its server.
	Name string
	// The database's URL, as each of the login roles and as the superuser.
	OwnerURL, WriterURL, ReaderURL, SuperURL string
}

// roles has the same passwords everywhere, because the roles belong to the server
// and several test processes may share one.
var roles = postgres.Roles{OwnerPassword: "owner", WriterPassword: "writer", ReaderPassword: "reader"}

// Database makes an empty database, owned by the owner role, and drops it when
// the test has ended, together with the connections that are left.
func Database(t testing.TB) *DB {
	t.Helper()
	db, drop := newDatabase(t)
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Errorf("pgtest: drop database %s: %v", db.Name, err)
		}
	})
	return db
}

// Lasting makes a database for what several tests share: it is dropped when the
// package's tests have run, by [Main] or [Stopping].
func Lasting(t testing.TB) *DB {
	t.Helper()
	db, drop := newDatabase(t)
	server.atEnd(drop)
	return db
}

func newDatabase(t testing.TB) (db *DB, dropIt func() error) {
	t.Helper()
	superURL, err := server.start()
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	db = makeDatabase(t, superURL)
	return db, func() error {
		// The test's own context has ended.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return drop(ctx, superURL, db.Name)
	}
}

// makeDatabase makes a database on the server that the superuser's URL leads to.
func makeDatabase(t testing.TB, superURL string) *DB {
	t.Helper()
	name := databaseName(t.Name())
	if err := postgres.Bootstrap(t.Context(), superURL, name, roles); err != nil {
		t.Fatalf("pgtest: make database %s: %v", name, err)
	}
	db := &DB{Name: name}
	for _, as := range []struct {
		url  *string
		user *url.Userinfo
	}{
		{&db.OwnerURL, url.UserPassword(postgres.OwnerRole, roles.OwnerPassword)},
		{&db.WriterURL, url.UserPassword(postgres.WriterRole, roles.WriterPassword)},
		{&db.ReaderURL, url.UserPassword(postgres.ReaderRole, roles.ReaderPassword)},
		{&db.SuperURL, nil},
	} {
		var err error
		if *as.url, err = urlFor(superURL, name, as.user); err != nil {
			t.Fatalf("pgtest: %v", err)
		}
	}
	return db
}

// Main runs a package's tests, stops the server and exits. Call it from TestMain.
func Main(m *testing.M) { os.Exit(Stopping(m).Run()) }

// Stopping wraps a package's tests so that the server is stopped when they have
// run. It is for a TestMain that wraps more: goleak.VerifyTestMain(pgtest.Stopping(m)).
func Stopping(m interface{ Run() int }) interface{ Run() int } { return stopping{m} }

type stopping struct{ tests interface{ Run() int } }

func (s stopping) Run() int {
	code := s.tests.Run()
	if err := server.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	return code
}

// server is the process's one server. A test process is the one place where a
// global fits: it is what the tests share.
var server serverOfProcess

type serverOfProcess struct {
	once     sync.Once
	superURL string
	err      error

	postgres *embedded.Postgres
	dir      *tempdir.Dir

	mu   sync.Mutex
	ends []func() error // what is to be done before it stops
}

func (s *serverOfProcess) atEnd(do func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends = append(s.ends, do)
}

func (s *serverOfProcess) start() (superURL string, err error) {
	s.once.Do(func() {
		if s.superURL = os.Getenv("TEST_DB_URL"); s.superURL == "" {
			s.err = s.startOwn()
		}
	})
	return s.superURL, s.err
}

func (s *serverOfProcess) startOwn() error {
	var err error
	if s.dir, err = tempdir.New("counterfoil-pgtest"); err != nil {
		return err
	}
	// Long enough for a download. Not the test's context: other tests follow.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: s.dir.Path()})
	if err != nil {
		return errors.Join(err, s.dir.Remove())
	}
	s.superURL = s.postgres.URL("postgres")
	return nil
}

func (s *serverOfProcess) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres != nil {
		return errors.Join(s.postgres.StopImmediate(), os.RemoveAll(s.postgres.Dir()), s.dir.Remove())
	}
	var errs []error
	for _, end := range s.ends {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// databaseName returns a unique name that tells whose test it was.
func databaseName(test string) string {
	var random [5]byte
	rand.Read(random[:])
	test = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(test), "_"), "_")
	return fmt.Sprintf("%.45s_%s", test, hex.EncodeToString(random[:])) // PostgreSQL cuts names at 63 bytes
}

// urlFor returns the superuser's URL for another database, as another user if one is given.
func urlFor(superURL, database string, user *url.Userinfo) (string, error) {
	u, err := url.Parse(superURL)
	if err != nil {
		return "", errors.New("TEST_DB_URL is not a URL: write postgres://user:password@host:5432/postgres")
	}
	u.Path = "/" + database
	if user != nil {
		u.User = user
	}
	return u.String(), nil
}

func drop(ctx context.Context, superURL, name string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+postgres.Identifier(name)+" WITH (FORCE)")
	return err
}
