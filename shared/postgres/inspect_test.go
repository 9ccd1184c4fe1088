package postgres_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// newDatabase returns a migrated database and its owner's connection.
func newDatabase(t *testing.T) (*pgtest.DB, *pgx.Conn) {
	t.Helper()
	db := pgtest.Database(t)
	conn := connect(t, db.OwnerURL)
	if err := postgres.Migrate(t.Context(), conn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return db, conn
}

func TestMigrations_AreCountedAlsoWhereThereAreNone(t *testing.T) {
	t.Parallel()
	conn := connect(t, pgtest.Database(t).OwnerURL)
	done, known, err := postgres.Migrations(t.Context(), conn)
	if err != nil || done != 0 || known == 0 {
		t.Fatalf("before: done %d, known %d, error %v", done, known, err)
	}
	if err := postgres.Migrate(t.Context(), conn, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if done, known, err = postgres.Migrations(t.Context(), conn); err != nil || done != known {
		t.Fatalf("after: done %d, known %d, error %v", done, known, err)
	}
}

func TestInspect_TellsVersionAndOwner(t *testing.T) {
	t.Parallel()
	db, conn := newDatabase(t)
	server, err := postgres.Inspect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if server.Major < 14 || server.Database != db.Name || server.OwnerRole != postgres.OwnerRole || server.Role != postgres.OwnerRole || server.Recovery {
		t.Errorf("server says %+v", server)
	}
}

func TestRoleFaults_ThereAreNoneAfterBootstrapAndMigration(t *testing.T) {
	t.Parallel()
	_, conn := newDatabase(t)
	if faults, err := postgres.RoleFaults(t.Context(), conn); err != nil || len(faults) > 0 {
		t.Fatalf("faults %q, error %v", faults, err)
	}
}

func TestRoleFaults_NameWhatIsMissingAndWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	_, conn := newDatabase(t)
	for _, change := range []string{
		`REVOKE INSERT ON counterfoil.parked FROM counterfoil_writer`,
		`REVOKE SELECT ON counterfoil.checkpoints FROM counterfoil_reader`,
		`GRANT DELETE ON counterfoil.parked TO counterfoil_reader`,
	} {
		if _, err := conn.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	faults, err := postgres.RoleFaults(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"role counterfoil_writer lacks INSERT on table counterfoil.parked",
		"role counterfoil_reader lacks SELECT on table counterfoil.checkpoints",
		"role counterfoil_reader has DELETE on table counterfoil.parked",
	} {
		if !slices.Contains(faults, want) {
			t.Errorf("no fault says %q:\n%s", want, strings.Join(faults, "\n"))
		}
	}
	if len(faults) != 3 {
		t.Errorf("%d faults, want 3:\n%s", len(faults), strings.Join(faults, "\n"))
	}
}
