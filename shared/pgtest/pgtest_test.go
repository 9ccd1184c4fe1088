package pgtest_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestDatabase_EachRoleConnectsToItsOwnDatabase(t *testing.T) {
	t.Parallel()
	first, second := pgtest.Database(t), pgtest.Database(t)
	if first.Name == second.Name {
		t.Fatalf("both are named %s", first.Name)
	}
	for role, url := range map[string]string{
		"counterfoil_owner":  first.OwnerURL,
		"counterfoil_writer": first.WriterURL,
		"counterfoil_reader": first.ReaderURL,
		"postgres":           first.SuperURL,
	} {
		database, user := whoAmI(t, url)
		if database != first.Name || (user != role && role != "postgres") {
			t.Errorf("%s: connected to %s as %s, want %s", role, database, user, first.Name)
		}
	}
}

func TestDatabase_IsDroppedWithItsLeftConnections(t *testing.T) {
	t.Parallel()
	outer, watcher := t, pgtest.Database(t)
	var name string
	t.Run("use", func(t *testing.T) {
		db := pgtest.Database(t)
		name = db.Name
		connect(outer, db.OwnerURL) // open when this test has ended
	})
	var exists bool
	err := connect(t, watcher.SuperURL).QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		t.Fatalf("database %s: exists %v, error %v", name, exists, err)
	}
}

func TestLasting_OutlivesTheTestThatMadeIt(t *testing.T) {
	t.Parallel()
	var db *pgtest.DB
	t.Run("make", func(t *testing.T) { db = pgtest.Lasting(t) })
	if database, _ := whoAmI(t, db.ReaderURL); database != db.Name {
		t.Errorf("connected to %s, want %s", database, db.Name)
	}
}

func TestOwn_ComesBackWithItsDataOnItsPort(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	db := server.Database()
	before := connect(t, db.OwnerURL)
	if _, err := before.Exec(t.Context(), `CREATE TABLE kept AS SELECT 1 AS n`); err != nil {
		t.Fatal(err)
	}
	server.Away()
	if err := before.Ping(t.Context()); err == nil {
		t.Error("the connection survived")
	}
	server.Back()
	var n int
	if err := connect(t, db.OwnerURL).QueryRow(t.Context(), `SELECT n FROM kept`).Scan(&n); err != nil || n != 1 {
		t.Errorf("kept is %d, error %v", n, err)
	}
}

func whoAmI(t *testing.T, url string) (database, user string) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), `SELECT current_database(), current_user`).Scan(&database, &user); err != nil {
		t.Fatal(err)
	}
	return database, user
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}
