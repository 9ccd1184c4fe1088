package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

func exec(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestClassify_EveryErrorHasOneMeaning(t *testing.T) {
	t.Parallel()
	code := func(code string) error { return &pgconn.PgError{Code: code} }
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{io.EOF, fault.Away},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, fault.Away},
		{context.DeadlineExceeded, fault.Away},
		{code("08006"), fault.Away},
		{code("40001"), fault.Away},
		{code("40P01"), fault.Away},
		{code("53100"), fault.Away},
		{code("55P03"), fault.Away},
		{code("57P01"), fault.Away},
		{code("57014"), fault.Away},
		{code("58030"), fault.Away},
		{code("25006"), fault.Away},
		{code("25P03"), fault.Away},
		{code("25P04"), fault.Away},
		{code("0A000"), fault.Away},
		{code("3D000"), fault.Away},
		{code("22008"), fault.Unappliable},
		{code("23514"), fault.Unappliable},
		{code("54000"), fault.Unappliable},
		{code("42P01"), fault.Misconfigured},
		{code("42501"), fault.Misconfigured},
		{code("28P01"), fault.Misconfigured},
		{code("XX000"), fault.Misconfigured},
		{fmt.Errorf("insert: %w", code("23514")), fault.Unappliable},
		{fault.New(fault.CodeFenced, "fenced", nil), fault.Fenced},
	} {
		if got := fault.Of(postgres.Classify(c.err)).Kind(); got != c.want {
			t.Errorf("%v means %v, want %v", c.err, got, c.want)
		}
	}
	if postgres.Classify(nil) != nil {
		t.Error("no error became one")
	}
}

func TestMigrate_ManyAtOnceDoItOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	log := slog.New(slog.DiscardHandler)
	var all sync.WaitGroup
	for range 5 {
		conn := connect(t, db.OwnerURL)
		all.Go(func() {
			if err := postgres.Migrate(t.Context(), conn, log); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	exec(t, connect(t, db.ReaderURL), `SELECT * FROM counterfoil.checkpoints`)
}

func TestMigrate_WhatWasThereBeforeGetsItsClassAndState(t *testing.T) {
	t.Parallel()
	_, conn := newDatabase(t)
	first, err := os.ReadFile("migrations/0001_control.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, conn, `DELETE FROM counterfoil.migrations WHERE number > 1`)
	exec(t, conn, `
		ALTER SCHEMA counterfoil RENAME TO later;
		CREATE SCHEMA counterfoil;
		ALTER TABLE later.migrations SET SCHEMA counterfoil;
		DROP SCHEMA later CASCADE`)
	exec(t, conn, string(first))
	exec(t, conn, `
		INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset", state, code, reason, correlation_id, headers)
		SELECT 'm', 1, 't', 0, n, 'parked', code, '', '', '[]'
		FROM unnest(ARRAY['undecodable', 'refused-by-database', 'behind-parked', 'discarded']) WITH ORDINALITY AS u (code, n)`)
	exec(t, conn, `
		INSERT INTO counterfoil.read_models (name, version, schema_name, table_name, fingerprint, declaration)
		VALUES ('m', 1, 'm_v1', 'm', '', ''), ('m', 2, 'm_v2', 'm', '', '');
		INSERT INTO counterfoil.serving (name, version) VALUES ('m', 2)`)
	if err := postgres.Migrate(t.Context(), conn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	var states string
	err = conn.QueryRow(t.Context(), `SELECT string_agg(state, ' ' ORDER BY version) FROM counterfoil.read_models`).Scan(&states)
	if err != nil || states != "ready serving" {
		t.Errorf("the versions are %s, error %v", states, err)
	}
	rows, err := conn.Query(t.Context(), `SELECT code, class FROM counterfoil.parked ORDER BY "offset"`)
	if err != nil {
		t.Fatal(err)
	}
	var code, class string
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&code, &class}, func() error {
		n++
		if want := fault.Code(code).Class(); class != string(want) {
			t.Errorf("%s is of class %s, want %s", code, class, want)
		}
		return nil
	})
	if err != nil || n != 4 {
		t.Errorf("%d rows of 4, error %v", n, err)
	}
}

func TestMigrate_ADatabaseFromTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	_, conn := newDatabase(t)
	exec(t, conn, `INSERT INTO counterfoil.migrations (number, name) VALUES (9999, 'future')`)
	if err := postgres.Migrate(t.Context(), conn, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "older than the database") {
		t.Errorf("migrating ended with %v", err)
	}
}

func TestG9_OnlyARoleThatCanDoNoMoreThanSelectPasses(t *testing.T) {
	t.Parallel()
	db, owner := newDatabase(t)
	check := func(url string) error {
		pool, err := postgres.Connect(t.Context(), postgres.Config{URL: url}, "test", true)
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		return postgres.RequireReadOnly(t.Context(), pool)
	}
	if err := check(db.ReaderURL); err != nil {
		t.Errorf("the reader is refused: %v", err)
	}
	for url, right := range map[string]string{db.OwnerURL: "CREATE", db.WriterURL: "INSERT on table counterfoil.checkpoints", db.SuperURL: "SUPERUSER"} {
		if err := check(url); !fault.Is(err, fault.Misconfigured) || !strings.Contains(err.Error(), right) {
			t.Errorf("want a refusal that names %s, got %v", right, err)
		}
	}
	for _, grant := range []string{
		`GRANT UPDATE (next_offset) ON counterfoil.checkpoints TO counterfoil_reader`,
		`GRANT CREATE ON SCHEMA counterfoil TO counterfoil_reader`,
		`GRANT TEMPORARY ON DATABASE ` + db.Name + ` TO counterfoil_reader`,
	} {
		exec(t, owner, grant)
		if err := check(db.ReaderURL); !fault.Is(err, fault.Misconfigured) {
			t.Errorf("after %s the reader passes: %v", grant, err)
		}
		exec(t, owner, strings.NewReplacer("GRANT", "REVOKE", " TO ", " FROM ").Replace(grant))
	}
	// A right that is not inherited can still be taken by SET ROLE. Roles belong to the server, so this one is the test's own.
	sneaky := "sneaky_" + db.Name
	super := connect(t, db.SuperURL)
	exec(t, super, `CREATE ROLE `+sneaky+` LOGIN NOINHERIT PASSWORD 'sneaky'`)
	exec(t, super, `GRANT counterfoil_writer TO `+sneaky)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), db.SuperURL)
		if err == nil {
			_, err = conn.Exec(context.Background(), `DROP ROLE `+sneaky)
		}
		if err != nil {
			t.Error(err)
		}
	})
	pool, err := postgres.Connect(t.Context(), postgres.Config{URL: db.ReaderURL, Username: sneaky, Password: "sneaky"}, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := postgres.RequireReadOnly(t.Context(), pool); !fault.Is(err, fault.Misconfigured) {
		t.Errorf("a role that may become the writer passes: %v", err)
	}
	if err := check(db.ReaderURL); err != nil {
		t.Errorf("after the rights were taken back the reader is refused: %v", err)
	}
}

func TestListen_HearsAgainAfterItsConnectionWasEnded(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	ctx, cancel := context.WithCancel(t.Context())
	connected, heard := make(chan bool, 10), make(chan string, 10)
	var listening sync.WaitGroup
	listening.Go(func() {
		postgres.Listen(ctx, postgres.Config{URL: db.ReaderURL}, "listener-of-test", "news", slog.New(slog.DiscardHandler),
			func() { connected <- true }, func(payload string) { heard <- payload })
	})
	super := connect(t, db.SuperURL)
	await(t, connected)
	exec(t, super, `NOTIFY news, 'first'`)
	if got := await(t, heard); got != "first" {
		t.Errorf("heard %q", got)
	}
	exec(t, super, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'listener-of-test' AND datname = '`+db.Name+`'`)
	await(t, connected)
	exec(t, super, `NOTIFY news, 'second'`)
	if got := await(t, heard); got != "second" {
		t.Errorf("heard %q", got)
	}
	cancel()
	listening.Wait()
}

func await[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(30 * time.Second):
		t.Fatal("nothing happened")
		panic("unreachable")
	}
}

func TestConfig_FaultsNeverShowThePassword(t *testing.T) {
	t.Parallel()
	err := postgres.Config{URL: "postgres://user:hunter2@host:port/db", MaxConns: 1}.Validate()
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "DB_MAX_CONNS") {
		t.Errorf("the faults are %v", err)
	}
}
