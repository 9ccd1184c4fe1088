package dev

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, dir string) *home {
	t.Helper()
	h, err := openHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.lock.Release() })
	return h
}

// enterable returns a directory that every user may enter, as t.TempDir's are not: for root PostgreSQL runs as another.
func enterable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "counterfoil-dev-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestHome_EmptyRemovesOnlyWhatIsOurs(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "golden")
	write(t, filepath.Join(elsewhere, "record"))
	dir := filepath.Join(enterable(t), "data")
	h := open(t, dir)
	for _, name := range []string{"notes", "passwords", "log/dev.log", "postgres/password", "postgres/data/PG_VERSION"} {
		write(t, h.path(name))
	}
	if err := os.Symlink(elsewhere, h.broker()); err != nil {
		t.Fatal(err)
	}
	if err := h.empty(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{mark, "lock", "notes", "pid"}) {
		t.Errorf("left are %q", got)
	}
	if got := names(t, elsewhere); !slices.Equal(got, []string{"record"}) {
		t.Errorf("behind a link are left %q", got)
	}
}

func TestHome_TakesAnEmptyDirectoryAndItsOwnAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		h := open(t, dir)
		h.used = true
		if err := h.close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{mark, "lock"}) {
		t.Errorf("left are %q", got)
	}
}

func TestHome_LeavesNothingWhereNothingWasStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, dir := range []string{dir, filepath.Join(dir, "new")} {
		if err := open(t, dir).close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}

func TestHome_RefusesAStrangersDirectoryAndTouchesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c", "d"} {
		write(t, filepath.Join(dir, name))
	}
	_, err := openHome(dir)
	if err == nil || !strings.Contains(err.Error(), "a, b, c, …") || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("left are %q", got)
	}
	if _, err := openHome(filepath.Join(dir, "a")); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestHome_IsOnlyForOneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := open(t, dir)
	if _, err := openHome(dir); err == nil || !strings.Contains(err.Error(), "another counterfoil dev (process ") {
		t.Errorf("got %v", err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestHome_ForgetsWhereAKilledRunWas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := open(t, dir)
	write(t, h.env())
	if err := h.lock.Release(); err != nil { // as the kernel does for a process that was killed
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(h.env()); !os.IsNotExist(err) {
		t.Errorf("the file env: %v", err)
	}
}

func TestPasswords_AreMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "passwords")
	first, err := rolePasswords(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := rolePasswords(path)
	if err != nil || again != first {
		t.Errorf("other passwords the second time, %v", err)
	}
	if first.OwnerPassword == "" || first.OwnerPassword == first.WriterPassword || first.WriterPassword == first.ReaderPassword {
		t.Error("the passwords are not three")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v, %v", info, err)
	}
}
