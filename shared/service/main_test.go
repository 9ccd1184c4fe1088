package service_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/service"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// TestMain runs a service instead of the tests where the environment says so: signals and exit codes need a process.
func TestMain(m *testing.M) {
	if os.Getenv("RUN_AS_SERVICE") != "" {
		os.Exit(service.Main[childConfig]("child-service", child))
	}
	os.Exit(m.Run())
}

type childConfig struct {
	Port int    `envconfig:"SERVER_PORT" default:"7080" desc:"port"`
	Does string `envconfig:"CHILD_DOES" default:"drain" desc:"what it does"`
}

func (c *childConfig) Validate() error {
	if c.Port < 0 || c.Does == "nonsense" {
		return errors.New("CHILD_DOES is nonsense")
	}
	return nil
}

func child(ctx context.Context, cfg childConfig) error {
	fmt.Println("running")
	if cfg.Does == "fail" {
		fmt.Fprintln(telemetry.Stdout, "the last line")
		return errors.New("the disk is full")
	}
	<-ctx.Done()
	fmt.Println("draining")
	if cfg.Does == "hang" {
		select {}
	}
	return nil
}

const patience = 30 * time.Second

// process is the test binary run as a service.
type process struct {
	*exec.Cmd
	out    *bufio.Reader
	stderr *strings.Builder
}

func newProcess(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	p := &process{Cmd: exec.CommandContext(ctx, binary, args...), stderr: &strings.Builder{}}
	p.Env = append(append(os.Environ(), "RUN_AS_SERVICE=1"), env...)
	p.Stderr = p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// expect waits for a line.
func (p *process) expect(t *testing.T, want string) {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil || line != want+"\n" {
		t.Fatalf("it says %q, want %q: %v; stderr: %s", line, want, err, p.stderr)
	}
}

func (p *process) signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// exit waits for the end and returns the exit code, or -1 where a signal ended it, with the rest of what it said.
func (p *process) exit(t *testing.T) (int, string) {
	t.Helper()
	rest, err := io.ReadAll(p.out)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	return p.ProcessState.ExitCode(), string(rest)
}

func TestMain_FirstSignalDrains(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		p := newProcess(t, nil)
		p.expect(t, "running")
		p.signal(t, signal)
		p.expect(t, "draining")
		if code, _ := p.exit(t); code != service.ExitOK {
			t.Errorf("%s: exit code %d; stderr: %s", signal, code, p.stderr)
		}
	}
}

func TestMain_LinesThatWaitAreWrittenBeforeTheExit(t *testing.T) {
	t.Parallel()
	p := newProcess(t, []string{"CHILD_DOES=fail"})
	p.expect(t, "running")
	if _, rest := p.exit(t); rest != "the last line\n" {
		t.Errorf("it says %q", rest)
	}
}

func TestMain_SecondSignalExits(t *testing.T) {
	t.Parallel()
	p := newProcess(t, []string{"CHILD_DOES=hang"})
	p.expect(t, "running")
	p.signal(t, syscall.SIGTERM)
	p.expect(t, "draining")
	// The first signal's handler is taken away after the service is told to drain, so one more may be needed.
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = p.Process.Signal(syscall.SIGTERM)
			case <-ended:
				return
			}
		}
	}()
	code, _ := p.exit(t)
	close(ended)
	status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
	if code != -1 || !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("exit code %d, status %v", code, p.ProcessState)
	}
}

func TestMain_ExitCodes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env    []string
		args   []string
		code   int
		stdout string
		stderr []string
	}{
		"help":          {nil, []string{"--help"}, service.ExitOK, "CHILD_DOES", nil},
		"short help":    {nil, []string{"-h"}, service.ExitOK, "CHILD_DOES", nil},
		"unknown flag":  {nil, []string{"--verbose"}, service.ExitUsage, "", []string{"-verbose", "--help"}},
		"an argument":   {nil, []string{"start"}, service.ExitUsage, "", []string{`"start"`, "--help"}},
		"failure":       {[]string{"CHILD_DOES=fail"}, nil, service.ExitFailed, "running", []string{"child-service: the disk is full"}},
		"all faults":    {[]string{"CHILD_DOES=nonsense", "SERVER_PORT=x"}, nil, service.ExitUsage, "", []string{"SERVER_PORT", "CHILD_DOES is nonsense", "--help"}},
		"only a fault":  {[]string{"SERVER_PORT=x"}, nil, service.ExitUsage, "", []string{"SERVER_PORT"}},
		"only invalid ": {[]string{"SERVER_PORT=-1"}, nil, service.ExitUsage, "", []string{"CHILD_DOES"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, test.env, test.args...)
			code, stdout := p.exit(t)
			if code != test.code || !strings.Contains(stdout, test.stdout) || test.stdout == "" && stdout != "" {
				t.Errorf("exit code %d, want %d; stdout: %s; stderr: %s", code, test.code, stdout, p.stderr)
			}
			for _, want := range test.stderr {
				if !strings.Contains(p.stderr.String(), want) {
					t.Errorf("stderr does not say %q: %s", want, p.stderr)
				}
			}
			if test.stderr == nil && p.stderr.Len() > 0 {
				t.Errorf("stderr says %s", p.stderr)
			}
		})
	}
}
