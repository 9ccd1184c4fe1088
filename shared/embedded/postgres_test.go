package embedded_test

import (
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestTry(t *testing.T) {
	dir, _ := os.MkdirTemp("", "x")
	os.Chmod(dir, 0o755)
	defer os.RemoveAll(dir)
	for range 2 {
		p, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir, Progress: func(s string) { t.Log(s) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Log(p.URL("postgres"))
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
