package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/envfile"
)

// asCLI makes this test binary be counterfoil, so that what runs is what was built with the tests' flags.
const asCLI = "COUNTERFOIL_TEST_AS_CLI"

func TestMain(m *testing.M) {
	if os.Getenv(asCLI) != "" {
		main()
	}
	if os.Getenv(asCurl) != "" {
		os.Exit(curl(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// patience bounds every wait; a start may include a download of PostgreSQL.
const patience = 3 * time.Minute

// counterfoil returns a command that runs the CLI without what the environment of the tests says of services.
func counterfoil(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Env = append(cmd.Env, asCLI+"=1", "NO_COLOR=1", "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "TMPDIR="+os.TempDir(),
		"GORACE=atexit_sleep_ms=0") // the race detector sleeps for a second otherwise
	return cmd
}

// result is how a run of the CLI ended.
type result struct {
	stdout, stderr string
	code           int
}

// execute runs the CLI to its end.
func execute(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, counterfoil(t, args...))
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// requireCode fails the test unless the run ended with the code.
func (r result) requireCode(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// requireText fails the test unless the text holds every part.
func requireText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %q in:\n%s", part, text)
		}
	}
}

// openDir returns a directory that every user may enter, as t.TempDir's are not: for root PostgreSQL runs as another.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "counterfoil-cli-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePorts makes dev take free ports.
var freePorts = []string{"--command-port=0", "--query-port=0", "--query-extra-ports=0", "--consumer-port=0", "--broker-port=0", "--db-port=0", "--grpc-port=0"}

// running is a `counterfoil dev`.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr *output
	ended          chan struct{}
	env            map[string]string // its file env
}

// startDev starts dev on the data directory and waits until it is ready.
func startDev(t *testing.T, data string, args ...string) *running {
	t.Helper()
	d := newDev(t, data, args...)
	d.await(t, d.stdout, "--fresh begins anew")
	var err error
	if d.env, err = envfile.Read(filepath.Join(data, "env")); err != nil {
		t.Fatal(err)
	}
	return d
}

// newDev starts dev on the data directory.
func newDev(t *testing.T, data string, args ...string) *running {
	t.Helper()
	d := &running{
		cmd:    counterfoil(t, append(append([]string{"dev", "--data", data}, freePorts...), args...)...),
		stdout: newOutput(), stderr: newOutput(), ended: make(chan struct{}),
	}
	d.cmd.Stdout, d.cmd.Stderr = d.stdout, d.stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.cmd.Wait(); close(d.ended) }()
	t.Cleanup(func() { d.stop(t) })
	return d
}

// await waits until the output has the text.
func (d *running) await(t *testing.T, o *output, text string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		grown := o.growth()
		if strings.Contains(o.String(), text) {
			return
		}
		select {
		case <-grown:
		case <-d.ended:
			if !strings.Contains(o.String(), text) {
				t.Fatalf("dev ended before it said %q:\n%s%s", text, d.stdout, d.stderr)
			}
		case <-deadline:
			t.Fatalf("dev did not say %q:\n%s%s", text, d.stdout, d.stderr)
		}
	}
}

// stop asks dev to stop and returns its exit code. It does nothing to one that has ended.
func (d *running) stop(t *testing.T) int {
	t.Helper()
	d.signal(t, syscall.SIGINT)
	return d.end(t)
}

func (d *running) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// end waits until dev has ended and returns its exit code.
func (d *running) end(t *testing.T) int {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		t.Fatalf("dev does not end:\n%s%s", d.stdout, d.stderr)
	}
	return d.cmd.ProcessState.ExitCode()
}

// output collects what a process writes and tells when there is more.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

var _ io.Writer = (*output)(nil)

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(p)
}

// growth returns a channel that is closed at the next write.
func (o *output) growth() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.more
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
