package target_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
)

// newFinder returns a finder with an environment and the file env of a data directory.
func newFinder(t *testing.T, environment map[string]string, file string) *target.Finder {
	t.Helper()
	data := t.TempDir()
	if file != "" {
		if err := os.WriteFile(filepath.Join(data, "env"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := target.NewFinder(data, func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFind_TakesTheNearestPlace(t *testing.T) {
	t.Parallel()
	environment := map[string]string{"COMMAND_URL": "http://environment"}
	const file = "COMMAND_URL=http://file\n"
	for _, c := range []struct {
		name, flag        string
		environment       map[string]string
		file, value, hint string
	}{
		{"flag", "http://flag", environment, file, "http://flag", "named by --command-url"},
		{"environment", "", environment, file, "http://environment", "COMMAND_URL of the environment"},
		{"file", "", nil, file, "http://file", "still running"},
		{"standard", "", nil, "", "http://localhost:7080", "start `counterfoil dev`"},
	} {
		got, err := newFinder(t, c.environment, c.file).FindURL(target.CommandURL, c.flag)
		if err != nil || got.Value != c.value || !strings.Contains(got.Hint(), c.hint) {
			t.Errorf("%s: got %q, hint %q, error %v", c.name, got.Value, got.Hint(), err)
		}
	}
}

func TestFindURL_RefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"localhost:7080", "ftp://host", "http://", "::"} {
		if _, err := newFinder(t, nil, "").FindURL(target.CommandURL, flag); exit.Code(err) != exit.Usage {
			t.Errorf("%q: got %v", flag, err)
		}
	}
	if got, err := newFinder(t, nil, "").FindURL(target.CommandURL, "http://host/"); err != nil || got.Value != "http://host" {
		t.Errorf("a slash at the end: got %q, %v", got.Value, err)
	}
}

func TestFindDatabase_PasswordsBelongToTheirPlace(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"DB_USERNAME": "writer", "DB_PASSWORD_FILE": secret}
	cfg, _, err := newFinder(t, environment, "").FindDatabase("postgres://host/db")
	if err != nil || cfg.Username != "writer" || cfg.Password != "from-file" {
		t.Errorf("for a flag: %q %q, %v", cfg.Username, cfg.Password, err)
	}
	cfg, _, err = newFinder(t, environment, "DB_URL=postgres://owner:pw@host/db\n").FindDatabase("")
	if err != nil || cfg.Username != "" || cfg.Password != "" {
		t.Errorf("for the file of dev: %q %q, %v", cfg.Username, cfg.Password, err)
	}
	if _, _, err := newFinder(t, map[string]string{"DB_PASSWORD_FILE": secret + "-absent"}, "").FindDatabase(""); exit.Code(err) != exit.Usage {
		t.Errorf("an absent file: %v", err)
	}
}

func TestFind_RefusesSettingsThatAreWrong(t *testing.T) {
	t.Parallel()
	f := newFinder(t, nil, "")
	if _, _, err := f.FindBroker("nowhere"); exit.Code(err) != exit.Usage {
		t.Errorf("broker: %v", err)
	}
	if _, _, err := f.FindDatabase("mysql://user:secret@host/db"); exit.Code(err) != exit.Usage || strings.Contains(err.Error(), "secret") {
		t.Errorf("database: %v", err)
	}
}
