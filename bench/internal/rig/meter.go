package rig

import (
	"errors"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/proc"
)

// A Meter measures what processes use while something runs.
type Meter struct {
	services map[string]int // process ids of those whose memory is measured too, by their names
	trees    map[string]int // process ids of all
	before   map[string]time.Duration
	err      error
}

// Meter begins to measure the service, or peer, this process as the client, and the servers that run. The service may be
// nil.
func (r *Rig) Meter(service *Process) *Meter {
	if service == nil {
		return r.MeterAll(nil)
	}
	return r.MeterAll(map[string]*Process{"service": service})
}

// MeterAll begins to measure several services, which have the names that their metrics have.
func (r *Rig) MeterAll(services map[string]*Process) *Meter {
	m := &Meter{services: map[string]int{}, trees: map[string]int{}}
	for name, service := range services {
		m.services[name], m.trees[name] = service.PID(), service.PID()
		m.err = errors.Join(m.err, proc.ResetPeak(service.PID()))
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
	for name, pid := range m.services {
		peak, err := proc.Peak(pid)
		m.err = errors.Join(m.err, err)
		sample[contest.MemoryOf(name)] = float64(peak) / (1 << 20)
	}
	return m.err
}
