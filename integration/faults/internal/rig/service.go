package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/process"
)

// A Service is one of the services, at one address for all of its lives.
type Service struct {
	Name string // unique in its rig

	t           testing.TB
	program     string
	environment []string
	port, admin int
	process     *process.Process
	frozen      bool
	armed       bool  // this life has environment of its own
	peak        int64 // bytes that it had at most, of all of its lives that were measured
}

func newService(t testing.TB, name, program string, environment ...string) *Service {
	t.Helper()
	s := &Service{Name: name, t: t, program: program, port: freePort(t), admin: freePort(t)}
	s.environment = append([]string{"SERVER_PORT=" + strconv.Itoa(s.port), "ADMIN_PORT=" + strconv.Itoa(s.admin), "SERVER_EXTRA_PORTS=", "GRPC_PORT=0"}, environment...)
	return s
}

// URL returns where the service listens when it runs.
func (s *Service) URL() string { return "http://127.0.0.1:" + strconv.Itoa(s.port) }

// Start starts the service with further environment for this life. It does not wait until it is ready.
func (s *Service) Start(environment ...string) {
	s.t.Helper()
	if s.Running() {
		s.t.Fatalf("%s runs already", s.Name)
	}
	s.armed = len(environment) > 0
	s.process = process.Start(s.t, s.program, append(s.environment, environment...)...)
}

// Running reports whether the service was started and has not ended.
func (s *Service) Running() bool {
	if s.process == nil {
		return false
	}
	select {
	case <-s.process.Done():
		return false
	default:
		return true
	}
}

// Ended returns a channel that is closed when this life of the service has ended.
func (s *Service) Ended() <-chan struct{} { return s.process.Done() }

// Kill ends the service with SIGKILL.
func (s *Service) Kill() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.measure()
	s.process.Kill(s.t)
	s.ended()
}

// Stop ends the service with SIGTERM. The test fails unless it drains.
func (s *Service) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.Thaw()
	s.measure()
	if err := s.process.Stop(); err != nil {
		s.t.Error(err)
	}
	s.ended()
}

// ended takes note of the end of a life. The test fails when it was an end that nobody caused.
func (s *Service) ended() {
	s.t.Helper()
	if err := s.process.Verdict(); err != nil {
		s.t.Errorf("%s: %v", s.Name, err)
	}
	s.process, s.frozen = nil, false
}

// Freeze stops the service from running until Thaw.
func (s *Service) Freeze() {
	s.t.Helper()
	s.process.Freeze(s.t)
	s.frozen = true
}

// Thaw lets the service run on after Freeze.
func (s *Service) Thaw() {
	s.t.Helper()
	if s.frozen && s.process != nil {
		s.process.Thaw(s.t)
	}
	s.frozen = false
}

// ready returns an error unless the service says that it is ready.
func (s *Service) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz?verbose", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		var body strings.Builder
		_ = response.Write(&body)
		return fmt.Errorf("%s is not ready: %s", s.Name, body.String())
	}
	return nil
}

// Metric returns the sum of a metric's samples that have all of the labels.
func (s *Service) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	if s.process == nil {
		return 0, errors.New(s.Name + " does not run")
	}
	sum, _, err := s.process.Metric(ctx, name, labels...)
	return sum, err
}

// measure reads how much memory the process had at most.
func (s *Service) measure() {
	if s.process == nil {
		return
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.PID()))
	if err != nil {
		return // it has ended, or there is no such file on this system
	}
	for line := range strings.Lines(string(status)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err == nil {
				s.peak = max(s.peak, kib<<10)
			}
		}
	}
}

// Peak returns how many bytes of memory the service had at most in any of its lives, as far as it was measured.
func (s *Service) Peak() int64 {
	s.measure()
	return s.peak
}

// show returns the last lines that the service wrote in this life, but those of normal work.
func (s *Service) show() string {
	if s.process == nil {
		return s.Name + " does not run"
	}
	var lines []string
	for line := range strings.Lines(s.process.Output()) {
		if !strings.Contains(line, `"msg":"batch"`) && !strings.Contains(line, `"msg":"request"`) {
			lines = append(lines, line)
		}
	}
	const most = 40
	lines = lines[max(0, len(lines)-most):]
	return s.Name + " wrote last:\n" + strings.Join(lines, "")
}

// until tries until try returns nil; the error is try's last one.
func until(patience time.Duration, try func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return await.Try(ctx, try)
}
