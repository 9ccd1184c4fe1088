package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// newDeclaration is the built-in model with a column of another name and an index more.
func newDeclaration(t *testing.T, column string) string {
	t.Helper()
	content, err := os.ReadFile("../shared/readmodel/declared/timestamp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(content), "name: created_at", "name: "+column, 1) + "  - columns: [" + column + "]\n"
}

// post keeps a few clients posting until the test ends.
func (s session) post(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			client := &http.Client{Timeout: patience}
			for ctx.Err() == nil {
				if _, err := post(client, s.dev.env["COMMAND_URL"]); err != nil {
					t.Errorf("post: %v", err)
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
	}
	t.Cleanup(func() { stop(); clients.Wait() })
}

// versionJSON is what `readmodel status` says of a version.
type versionJSON struct {
	Version        int
	State, Builder string
	Previous       bool
	Lag, Behind    int64
	Verified       *struct{ Equal bool }
}

func (s session) versions(t *testing.T) map[int]versionJSON {
	t.Helper()
	byNumber := map[int]versionJSON{}
	for _, v := range decode[[]versionJSON](t, s.do(t, "readmodel", "status", "timestamp", "-o", "json").requireCode(t, 0)) {
		byNumber[v.Version] = v
	}
	return byNumber
}

func TestReadModel_VersionsComeAndGoUnderTraffic(t *testing.T) {
	t.Parallel()
	data, declared := filepath.Join(openDir(t), "data"), t.TempDir()
	declare := func(content string) {
		if err := os.WriteFile(filepath.Join(declared, "timestamp.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	declare(strings.Replace(newDeclaration(t, "created_at"), "  - columns: [created_at]\n", "", 1))
	s := session{startDev(t, data, "--read-models", declared), data}
	s.post(t)
	run := func(code int, args ...string) string {
		r := s.do(t, append([]string{"readmodel"}, args...)...).requireCode(t, code)
		return r.stdout + r.stderr
	}
	requireText(t, run(0, "plan"), "nothing is needed")
	declare(newDeclaration(t, "kept_at"))
	requireText(t, run(0, "plan"), "timestamp/v2 is needed", "column kept_at is new")
	requireText(t, s.do(t, "doctor").requireCode(t, 0).stdout, "column kept_at is new")
	run(0, "migrate")
	requireText(t, run(0, "build", "timestamp", "2", "--timeout=1m"), "timestamp/v2 is ready")
	requireText(t, run(6, "switch", "timestamp", "--to=2"), "not verified")
	requireText(t, run(0, "verify", "timestamp", "2"), "equal:", "kept_at (was created_at)")
	for range 2 {
		requireText(t, run(0, "switch", "timestamp", "--to=2"), "timestamp/v2 serves")
		requireText(t, run(0, "rollback", "timestamp"), "timestamp/v1 serves")
	}
	requireText(t, run(0, "switch", "timestamp", "--to=v2"), "timestamp/v2 serves")

	declare(newDeclaration(t, "stored_at"))
	run(0, "migrate")
	s.killBuilder(t)
	requireText(t, run(0, "build", "timestamp", "3", "--local", "--timeout=1m"), "timestamp/v3 is ready")
	if v := s.versions(t)[3]; v.State != "ready" || v.Builder != "" {
		t.Errorf("the version that was built apart is %+v", v)
	}
	requireText(t, run(0, "verify", "timestamp"), "equal: timestamp/v3 says what timestamp/v2 says")
	run(0, "switch", "timestamp", "--to=3")
	run(0, "retire", "timestamp", "1", "--reason=no longer needed")
	run(0, "drop", "timestamp", "1")
	if all := s.versions(t); all[1].State != "dropped" || all[2].State != "ready" || !all[2].Previous || all[3].State != "serving" {
		t.Errorf("the versions are %+v", all)
	}
	requireText(t, run(0, "build", "timestamp", "2"), "timestamp/v2 is ready")
	requireText(t, run(6, "build", "timestamp", "1"), "was dropped", "readmodel plan")
}

// killBuilder kills a process that builds the third version for itself.
func (s session) killBuilder(t *testing.T) {
	t.Helper()
	cmd := counterfoil(t, "readmodel", "build", "timestamp", "3", "--local", "--data", s.data)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); s.versions(t)[3].State == "planned"; {
		if time.Now().After(deadline) {
			t.Fatal("the build does not begin")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}
