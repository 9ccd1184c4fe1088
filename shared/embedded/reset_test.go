package embedded_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestRemovePostgres_RemovesWhatItKept(t *testing.T) {
	dir := openDir(t)
	nobodyIsTold := func(line string) { t.Errorf("said %q", line) }
	if err := embedded.RemovePostgres(t.Context(), filepath.Join(dir, "absent"), nobodyIsTold); err != nil {
		t.Errorf("where there is nothing: %v", err)
	}
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	execute(t, server.URL("postgres"), `CREATE TABLE kept (n int)`)
	if err := embedded.RemovePostgres(t.Context(), dir, nobodyIsTold); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("while the server runs: got %v", err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := embedded.RemovePostgres(t.Context(), dir, nobodyIsTold); err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	if got := query(t, again.URL("postgres"), `SELECT count(*)::text FROM pg_class WHERE relname = 'kept'`); got != "0" {
		t.Error("the table is still there")
	}
}

func TestStopLeftover_FreesThePortAndKeepsTheData(t *testing.T) {
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
