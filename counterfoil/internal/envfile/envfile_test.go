package envfile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/envfile"
)

const url = "postgres://counterfoil_owner:p%20w@127.0.0.1:7432/counterfoil?sslmode=disable"

func TestWrite_IsReadBackByUsAndByAShell(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("OLD=1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := envfile.Write(path, "a comment", []envfile.Variable{{Name: "DB_URL", Value: url}, {Name: "EMPTY"}}); err != nil {
		t.Fatal(err)
	}
	got, err := envfile.Read(path)
	if err != nil || len(got) != 2 || got["DB_URL"] != url {
		t.Errorf("read %v, %v", got, err)
	}
	output, err := exec.Command("/bin/sh", "-c", `. "$0"; printf %s "$DB_URL"`, path).Output()
	if err != nil || string(output) != url {
		t.Errorf("a shell reads %q, %v", output, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, %v", info.Mode(), err)
	}
}

func TestWrite_RefusesWhatAShellWouldReadDifferently(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a b", "$HOME", "`id`", "a;b", "'", "a&b", "\\", "a\nb", "#"} {
		path := filepath.Join(t.TempDir(), "env")
		err := envfile.Write(path, "", []envfile.Variable{{Name: "SECRET", Value: value}})
		if err == nil || !strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: got %v", value, err)
		}
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%q: something was written", value)
		}
	}
}

func TestRead_NamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("# comment\n\nA=1\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := envfile.Read(path); err == nil || !strings.Contains(err.Error(), ":4:") {
		t.Errorf("got %v", err)
	}
}
