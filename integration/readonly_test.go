package integration

import (
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestG9_TheQueryServiceRefusesARoleThatCanWrite(t *testing.T) {
	t.Parallel()
	db := stack.Embedded(t).DB
	for role, url := range map[string]string{"owner": db.OwnerURL, "writer": db.WriterURL, "superuser": db.SuperURL} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			p := process.Start(t, "query-service", "DB_URL="+url)
			p.ShowOnFailure(t)
			if code := p.ExitCode(t); code != 1 {
				t.Errorf("it exits with %d, want 1", code)
			}
			if lines := p.Find("request"); len(lines) > 0 {
				t.Errorf("it answered before it refused: %v", lines)
			}
		})
	}
}
