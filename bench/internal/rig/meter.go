package rig

import (
	"errors"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/proc"
)

// A Meter measures what processes use while something runs.
type Meter struct {
	service int            // process id, 0 where there is none
	trees   map[string]int // process ids by their names
	before  map[string]time.Duration
	err     error
}

// Meter begins to measure the service, or peer, this process as the client, and the servers that run.
func (r *Rig) Meter(service *Process) *Meter {
	m := &Meter{trees: map[string]int{}}
	if service != nil {
		m.service = service.PID()
		m.trees["service"] = m.service
		m.err = proc.ResetPeak(m.service)
		r.profile(service)
	}
	if r.brokerPID != 0 {
		m.trees["broker"] = r.brokerPID
	}
	if r.postgres != nil {
		m.trees["postgres"] = r.postgres.PID()
	}
	m.before = m.read()
	return m
}

func (m *Meter) read() map[string]time.Duration {
	used := map[string]time.Duration{}
	add := func(name string, cpu time.Duration, err error) {
		used[name] = cpu
		m.err = errors.Join(m.err, err)
	}
	for name, pid := range m.trees {
		cpu, err := proc.CPU(pid)
		add(name, cpu, err)
	}
	cpu, err := proc.Own()
	add("client", cpu, err)
	return used
}

// Add puts into the sample what was used since the meter began, for that many requests or rows.
func (m *Meter) Add(sample contest.Sample, done int64) error {
	for name, after := range m.read() {
		sample[contest.CPU(name)] = (after - m.before[name]).Seconds() * 1000 / float64(max(1, done))
	}
	if m.service != 0 {
		peak, err := proc.Peak(m.service)
		m.err = errors.Join(m.err, err)
		sample[contest.Memory] = float64(peak) / (1 << 20)
	}
	return m.err
}
