package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/shared/child"

	"context"
)

// block is a block of commands of a document: those that a person types, not those of another terminal.
var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

// trips is how many trips the document's example has here, instead of a million; TRIPS says another number.
func trips() string {
	if n := os.Getenv("TRIPS"); n != "" {
		return n
	}
	return "20000"
}

func TestDocs_TheWalkThroughVersionsWorks(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "read-model-versions.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The commands are typed in a checkout, by their names; what they write stays out of it.
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	for _, name := range []string{"examples", "readmodels", "shared"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(process.Operator(t), filepath.Join(bin, "counterfoil")); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string][2]string{
		"taxi":    {filepath.Join(root, "examples"), "./taxi"},
		"grpcurl": {filepath.Join(root, "integration"), "github.com/fullstorydev/grpcurl/cmd/grpcurl"},
	} {
		build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, name), from[1])
		build.Dir = from[0]
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, output)
		}
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "USER=reader"}
	blocks := block.FindAllSubmatch(page, -1)
	if len(blocks) < 7 {
		t.Fatalf("the document has %d blocks of commands", len(blocks))
	}
	for i, commands := range blocks {
		script := strings.ReplaceAll(string(commands[1]), "1000000", trips())
		output, err := shell(t, dir, env, "set -euo pipefail\n"+sourced(i)+script)
		t.Logf("%s%s", script, output)
		if err != nil {
			t.Fatalf("block %d: %v", i+1, err)
		}
		requireNoProblem(t, i+1, output, i == len(blocks)-1)
		if i == 0 {
			startDev(t, dir, env)
		}
	}
}

// sourced makes what stands in .counterfoil/env known to the blocks after the one that does so in the document.
func sourced(i int) string {
	if i < 2 {
		return ""
	}
	return "set -a; . .counterfoil/env; set +a\n"
}

func shell(t *testing.T, dir string, env []string, script string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// requireNoProblem fails the test if an answer is a problem document, or if the last one is none: a dropped version is gone.
func requireNoProblem(t *testing.T, number int, output string, gone bool) {
	t.Helper()
	if strings.Contains(output, "urn:counterfoil:problem:") != gone {
		t.Errorf("block %d answers\n%s", number, output)
	}
}

func startDev(t *testing.T, dir string, env []string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(process.Operator(t), "dev", "--read-models", "models", "--command-port=0", "--query-port=0",
		"--query-extra-ports=", "--grpc-port=0", "--consumer-port=0", "--broker-port=0", "--db-port=0")
	cmd.Dir, cmd.Env, cmd.Stderr = dir, env, os.Stderr
	log, err := os.Create(filepath.Join(dir, "dev.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = log
	dev, err := child.Start(cmd, syscall.SIGINT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			<-dev.Done()
		}
		_ = log.Close()
	})
	await.Until(t, func(context.Context) error {
		said, err := os.ReadFile(log.Name())
		if err != nil || !strings.Contains(string(said), "counterfoil is ready") {
			return fmt.Errorf("counterfoil dev says %s%s", said, output.String())
		}
		return nil
	})
}
