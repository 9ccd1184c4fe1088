//go:build download

package embedded_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// It fetches 15 MB from Maven Central, so it runs only where it is asked for: go test -tags download.
func TestPostgres_RunsDownloadedPrograms(t *testing.T) {
	cache := openDir(t)
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // the library's client
	var said []string
	cfg := embedded.PostgresConfig{Dir: openDir(t), Download: true, Progress: func(line string) {
		t.Log(line)
		said = append(said, line)
	}}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.StartPostgres(cancelled, cfg); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(strings.Join(said, "\n"), "creating") {
		t.Fatal("it went on after the download")
	}

	for range 2 {
		began := time.Now()
		server := startPostgres(t, cfg)
		t.Logf("started after %s", time.Since(began))
		if got := query(t, server.URL("postgres"), `SELECT current_setting('server_version')`); !strings.HasPrefix(got, "17.") {
			t.Errorf("version %s", got)
		}
		if err := server.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var downloads int
	for _, line := range said {
		if strings.HasPrefix(line, "downloading") {
			downloads++
		}
	}
	if downloads != 1 { // the one that was given up, but had worked
		t.Errorf("%d downloads, said %q", downloads, said)
	}
	left, err := os.ReadDir(filepath.Join(cache, "counterfoil"))
	if err != nil || len(left) != 2 { // the programs and the lock
		t.Errorf("the cache has %v, %v", left, err)
	}
}
