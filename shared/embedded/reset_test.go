package embedded_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestRemovePostgres_RemovesWhatItKept(t *testing.T) {
	t.Parallel()
	// For root the data of the second is kept elsewhere, because PostgreSQL's user cannot reach it.
	for name, dir := range map[string]string{"open": openDir(t), "closed": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
			t.Cleanup(func() { os.RemoveAll(server.Dir()) })
			execute(t, server.URL("postgres"), `CREATE TABLE kept (n int)`)
			if err := embedded.RemovePostgres(t.Context(), dir, nobodyIsTold(t)); err == nil || !strings.Contains(err.Error(), "another process") {
				t.Errorf("while the server runs: got %v", err)
			}
			if err := server.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := embedded.RemovePostgres(t.Context(), dir, nobodyIsTold(t)); err != nil {
				t.Fatal(err)
			}
			again := startPostgres(t, embedded.PostgresConfig{Dir: dir})
			if got := query(t, again.URL("postgres"), `SELECT count(*)::text FROM pg_class WHERE relname = 'kept'`); got != "0" {
				t.Error("the table is still there")
			}
		})
	}
}

func TestRemovePostgres_WorksWherePostgresCouldNotRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := embedded.RemovePostgres(t.Context(), filepath.Join(dir, "absent"), nobodyIsTold(t)); err != nil {
		t.Errorf("where there is nothing: %v", err)
	}
	version := filepath.Join(dir, "data", "PG_VERSION")
	if err := os.Mkdir(filepath.Dir(version), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := embedded.RemovePostgres(t.Context(), dir, nobodyIsTold(t)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(version); !os.IsNotExist(err) {
		t.Errorf("the data is still there: %v", err)
	}
}

func nobodyIsTold(t *testing.T) func(string) {
	return func(line string) { t.Errorf("said %q", line) }
}

func TestStopLeftover_FreesThePortAndKeepsTheData(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	address, kill := startHost(t, "postgres", dir)
	execute(t, address, `CREATE TABLE kept (n int)`)
	kill()
	if err := embedded.StopLeftover(t.Context(), dir, func(string) {}); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, embedded.PostgresConfig{Dir: dir, Port: portOf(t, u.Host)})
	if got := query(t, again.URL("postgres"), `SELECT count(*)::text FROM kept`); got != "0" {
		t.Errorf("%s rows", got)
	}
}
