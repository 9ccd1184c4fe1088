package process

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// tool is the operator's program, built at first use.
var tool struct {
	once sync.Once
	path string
	err  error
}

// A ToolResult is what a run of the operator's program came to.
type ToolResult struct {
	ExitCode       int
	Stdout, Stderr string
}

// Tool runs the operator's program with the environment, as NAME=value, and nothing else of ours, to its end.
func Tool(t testing.TB, env []string, args ...string) ToolResult {
	t.Helper()
	var out, err bytes.Buffer
	cmd := exec.CommandContext(t.Context(), Operator(t), args...)
	cmd.Dir = t.TempDir() // where no .counterfoil is
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "USER=operator"}, env...)
	cmd.Stdout, cmd.Stderr = &out, &err
	failure := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](failure); failure != nil && !exited {
		t.Fatalf("counterfoil %q: %v", args, failure)
	}
	return ToolResult{cmd.ProcessState.ExitCode(), out.String(), err.String()}
}

// Operator returns the path of the operator's program.
func Operator(t testing.TB) string {
	t.Helper()
	tool.once.Do(func() {
		binary(t, Services[0]) // there is a folder for programs
		root, err := checkout()
		if err != nil {
			tool.err = err
			return
		}
		tool.path = filepath.Join(binaries.dir, "counterfoil")
		cmd := exec.Command("go", slices.Concat([]string{"build", "-o", tool.path}, raceFlag, []string{"."})...)
		cmd.Dir = filepath.Join(root, "counterfoil")
		if output, err := cmd.CombinedOutput(); err != nil {
			tool.err = errors.Join(err, errors.New(string(output)))
		}
	})
	if tool.err != nil {
		t.Fatalf("build counterfoil: %v", tool.err)
	}
	return tool.path
}
