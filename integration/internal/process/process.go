// Package process runs the services as what they are in production: processes that are configured by their environment,
// say where they listen in their log, drain at SIGTERM and can be killed.
//
// It promises that a process ends with the test, and also when the test process is killed; that what it wrote is shown
// when the test failed; and that a stop which was asked for ends with exit code 0.
package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
)

// drainLimit is how long a process may take to end after SIGTERM.
const drainLimit = 60 * time.Second

// A Process is a running service, or one that has ended.
type Process struct {
	Service string

	output *output
	child  *child.Process
}

// Start starts a service with the environment, as NAME=value, and nothing else of ours. Whoever starts it stops it.
func Start(t testing.TB, service string, env ...string) *Process {
	t.Helper()
	p := &Process{Service: service, output: &output{}}
	cmd := exec.Command(binary(t, service))
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"SERVER_PORT=0", "ADMIN_PORT=0", "SERVER_EXTRA_PORTS=0", "GRPC_PORT=0",
	}, env...)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	var err error
	if p.child, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return p
}

// Addresses returns the URLs that a part of the process listens on, "http" or "admin", as far as it has said them.
func (p *Process) Addresses(part string) []string {
	var urls []string
	for _, line := range p.Find("listening", "part", part) {
		// It listens on all interfaces; this one is there everywhere.
		if _, port, err := net.SplitHostPort(line.Text("address")); err == nil {
			urls = append(urls, "http://"+net.JoinHostPort("127.0.0.1", port))
		}
	}
	return urls
}

// Metric returns the sum of a metric's samples that have all of the labels, given as name="value", and how many samples
// there are.
func (p *Process) Metric(ctx context.Context, name string, labels ...string) (sum float64, samples int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Addresses("admin")[0]+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), " ")
		metric, has, _ := strings.Cut(key, "{")
		if metric != name || slices.ContainsFunc(labels, func(label string) bool { return !strings.Contains(has, label) }) {
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("metric %s: %w", key, err)
		}
		sum, samples = sum+number, samples+1
	}
	return sum, samples, lines.Err()
}

// Listening returns an error until the process listens on both of its ports, and what it said when it has ended.
func (p *Process) Listening() error {
	select {
	case <-p.child.Done():
		return fmt.Errorf("%s ended: %v\n%s", p.Service, p.child.Err(), p.Output())
	default:
	}
	if len(p.Addresses("http")) == 0 || len(p.Addresses("admin")) == 0 {
		return fmt.Errorf("%s does not listen yet\n%s", p.Service, p.Output())
	}
	return nil
}

// Kill ends the process with SIGKILL and waits for its end.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.child.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("kill %s: %v", p.Service, err)
	}
	<-p.child.Done()
}

// Freeze stops the process from running, as a machine that hangs does, until Thaw.
func (p *Process) Freeze(t testing.TB) { p.signal(t, syscall.SIGSTOP) }

// Thaw lets the process run on after Freeze.
func (p *Process) Thaw(t testing.TB) { p.signal(t, syscall.SIGCONT) }

func (p *Process) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := p.child.Signal(signal); err != nil {
		t.Fatalf("send %s to %s: %v", signal, p.Service, err)
	}
}

// Stop ends the process as an operator does, with SIGTERM, and returns an error unless it drains and exits with 0. It may
// be called when the process has ended already: how it did is an error unless it was killed.
func (p *Process) Stop() error {
	if err := p.child.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", p.Service, err)
	}
	patience := time.NewTimer(drainLimit)
	defer patience.Stop()
	select {
	case <-p.child.Done():
	case <-patience.C:
		err := p.child.Signal(syscall.SIGKILL)
		<-p.child.Done()
		return errors.Join(fmt.Errorf("%s did not end within %s of SIGTERM", p.Service, drainLimit), err)
	}
	return p.verdict()
}

// verdict returns what is wrong with the way in which the process ended.
func (p *Process) verdict() error {
	if strings.Contains(p.Output(), "WARNING: DATA RACE") {
		return fmt.Errorf("%s has a data race\n%s", p.Service, p.Output())
	}
	if err := p.child.Err(); err != nil && !killed(err) {
		return fmt.Errorf("%s ended: %w\n%s", p.Service, err, p.Output())
	}
	return nil
}

func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.child.Done() }

// Verdict waits for the process's end and returns what is wrong with the way in which it ended: an exit code other than 0,
// unless SIGKILL ended it, or a data race.
func (p *Process) Verdict() error {
	<-p.child.Done()
	return p.verdict()
}

// PID returns the process's id.
func (p *Process) PID() int { return p.child.PID() }

// ExitCode waits for the process's end and returns its exit code, -1 when a signal ended it. The test fails when it does
// not end in time.
func (p *Process) ExitCode(t testing.TB) int {
	t.Helper()
	patience := time.NewTimer(drainLimit)
	defer patience.Stop()
	select {
	case <-p.child.Done():
	case <-patience.C:
		p.Kill(t)
		t.Fatalf("%s did not end within %s\n%s", p.Service, drainLimit, p.Output())
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.child.Err()); ok {
		return exit.ExitCode()
	}
	return 0
}

// ShowOnFailure has what the process writes from now on shown when the test has failed.
func (p *Process) ShowOnFailure(t testing.TB) {
	_, from := p.output.text(0)
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		lines, _ := p.output.text(from)
		const most = 150
		if surplus := len(lines) - most; surplus > 0 {
			lines = append([]string{fmt.Sprintf("… %d lines", surplus)}, lines[surplus:]...)
		}
		t.Logf("%s wrote:\n%s", p.Service, strings.Join(lines, "\n"))
	})
}
