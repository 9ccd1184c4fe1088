package embedded_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// Run as root this is about three users; run as another it is about that one.
func TestPostgres_RootMayStartItOnceInBetween(t *testing.T) {
	home := openDir(t)
	ordinary := anOrdinaryUser(t)
	if ordinary != nil {
		if err := os.Chown(home, int(ordinary.Uid), int(ordinary.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(home, "postgres")

	url, kill := startHostAs(t, ordinary, "postgres", dir)
	execute(t, url, `CREATE TABLE kept (n int)`)
	pid := serverPID(t, dir)
	if mode := modeOf(t, filepath.Join(dir, "password")); mode != 0o600 {
		t.Errorf("the password file has mode %o", mode)
	}
	kill()
	eventually(t, "the server ends", func() bool { return !alive(pid) })

	between := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	execute(t, between.URL("postgres"), `INSERT INTO kept VALUES (1)`)
	if err := between.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}

	url, _ = startHostAs(t, ordinary, "postgres", dir)
	if got := query(t, url, `SELECT count(*)::text FROM kept`); got != "1" {
		t.Errorf("%s rows, want 1", got)
	}
}

func TestPostgres_InADirectoryThatItsUserCannotReach(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "closed", "postgres")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Dir(dir), 0o700) })
	if os.Geteuid() != 0 {
		if _, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Fatalf("got %v", err)
		}
		return
	}
	var said []string
	cfg := embedded.PostgresConfig{Dir: dir, Progress: func(line string) { said = append(said, line) }}
	first := startPostgres(t, cfg)
	elsewhere := first.Dir()
	t.Cleanup(func() {
		os.RemoveAll(elsewhere)
		os.Remove(filepath.Dir(elsewhere)) // if nobody else has anything there
	})
	if elsewhere == dir || !strings.Contains(strings.Join(said, "\n"), elsewhere) {
		t.Fatalf("the data is in %s, said %q", elsewhere, said)
	}
	execute(t, first.URL("postgres"), `CREATE TABLE kept (n int)`)
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := startPostgres(t, cfg)
	if got := query(t, again.URL("postgres"), `SELECT count(*)::text FROM kept`); got != "0" {
		t.Errorf("%s rows", got)
	}
	cfg.Dir = filepath.Join(filepath.Dir(dir), "other")
	other := startPostgres(t, cfg)
	t.Cleanup(func() { os.RemoveAll(other.Dir()) })
	if other.Dir() == elsewhere {
		t.Error("two directories lead to the same place")
	}
}

// anOrdinaryUser returns somebody who is neither root nor who PostgreSQL would
// rather run as; nil when the test itself runs as an ordinary user.
func anOrdinaryUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.ParseInt(nobody.Uid, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.ParseInt(nobody.Gid, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
