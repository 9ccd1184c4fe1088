package faults

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// An Account adds up what a run did and found.
type Account struct {
	out   io.Writer
	began time.Time

	mu        sync.Mutex
	injected  map[string]int
	seeds     []uint64
	scenarios []Scenario
	stops     []Scenario                 // that were measured and not judged by themselves
	verdicts  map[*rig.Rig]check.Verdict // the latest, which covers all of the rig's life
	peaks     map[string]int64
}

// A Scenario is something that was judged.
type Scenario struct {
	Name                string
	Accepting, Applying time.Duration // the longest times without progress under load
	Violations          int           // in all of the rig's life
}

// NewAccount returns an account that says to out what happens.
func NewAccount(out io.Writer) *Account {
	return &Account{out: out, began: time.Now(), injected: map[string]int{}, verdicts: map[*rig.Rig]check.Verdict{}, peaks: map[string]int64{}}
}

// Say prints a line of progress.
func (a *Account) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, "%7.1fs  %s\n", time.Since(a.began).Seconds(), fmt.Sprintf(format, args...))
}

// Injected counts a fault.
func (a *Account) Injected(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.injected[name]++
}

// Seed notes a seed that was used.
func (a *Account) Seed(seed uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seeds = append(a.seeds, seed)
}

// Measured says how long accepting and applying stood still at most since the last time, and counts it as a scenario's.
func (a *Account) Measured(name string, r *rig.Rig) {
	accepting, applying := r.Longest()
	a.Say("%s: accepting stood still for %s, applying for %s", name, rounded(accepting), rounded(applying))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stops = append(a.stops, Scenario{Name: name, Accepting: accepting, Applying: applying})
}

// Judged judges the rig and counts what was found.
func (a *Account) Judged(name string, r *rig.Rig) {
	v := r.Judge()
	accepting, applying := r.Longest()
	a.mu.Lock()
	a.verdicts[r] = v
	a.scenarios = append(a.scenarios, Scenario{name, accepting, applying, len(v.Violations)})
	for _, s := range r.Services() {
		program, _, _ := strings.Cut(s.Name, "-")
		a.peaks[program] = max(a.peaks[program], s.Peak())
	}
	a.mu.Unlock()
	a.Say("%s: %d commands acknowledged, %d unknown (%d of them kept), %d refused; lost %d, doubled %d, other faults %d; "+
		"%d records (%d repeats), %d rows, %d observations; longest stop: accepting %s, applying %s",
		name, v.Acknowledged, v.Unknown, v.UnknownKept, v.Refused, lost(v), doubled(v), len(v.Violations)-lost(v)-doubled(v),
		v.Records, v.Repeats, v.Rows, v.Observations, rounded(accepting), rounded(applying))
}

func lost(v check.Verdict) int { return v.Count(check.Lost, check.NotApplied, check.SetAside) }

func doubled(v check.Verdict) int { return v.Count(check.Doubled) }

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// Total is what all of the rigs came to.
type Total struct {
	Scenarios, Kinds, Injected                                        int
	Attempts, Commands, Acknowledged, Unknown, Kept, Refused, Repeats int
	Records, Rows, Observations                                       int
	Lost, Doubled, Other                                              int
	Accepting, Applying                                               Scenario // those that stopped for longest
}

// Total adds up.
func (a *Account) Total() Total {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := Total{Scenarios: len(a.scenarios), Kinds: len(a.injected)}
	for _, n := range a.injected {
		t.Injected += n
	}
	for _, v := range a.verdicts {
		t.Attempts, t.Commands, t.Acknowledged = t.Attempts+v.Attempts, t.Commands+v.Commands, t.Acknowledged+v.Acknowledged
		t.Unknown, t.Kept, t.Refused, t.Repeats = t.Unknown+v.Unknown, t.Kept+v.UnknownKept, t.Refused+v.Refused, t.Repeats+v.Repeats
		t.Records, t.Rows, t.Observations = t.Records+v.Records, t.Rows+v.Rows, t.Observations+v.Observations
		t.Lost, t.Doubled = t.Lost+lost(v), t.Doubled+doubled(v)
		t.Other += len(v.Violations) - lost(v) - doubled(v)
	}
	for _, s := range slices.Concat(a.scenarios, a.stops) {
		if s.Accepting > t.Accepting.Accepting {
			t.Accepting = s
		}
		if s.Applying > t.Applying.Applying {
			t.Applying = s
		}
	}
	return t
}

// Summary prints what the run came to.
func (a *Account) Summary(w io.Writer) {
	t := a.Total()
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("")
	p("scenarios                %d", t.Scenarios)
	p("faults injected          %d, of %d kinds", t.Injected, t.Kinds)
	p("commands                 %d, in %d requests", t.Commands, t.Attempts)
	p("  acknowledged           %d", t.Acknowledged)
	p("  unknown                %d, of which %d are kept", t.Unknown, t.Kept)
	p("  refused                %d", t.Refused)
	p("lost                     %d", t.Lost)
	p("doubled                  %d", t.Doubled)
	p("other broken promises    %d", t.Other)
	p("records                  %d, of which %d are harmless repeats", t.Records, t.Repeats)
	p("rows                     %d", t.Rows)
	p("answers to readers       %d", t.Observations)
	p("longest stop             accepting %s (%s)", rounded(t.Accepting.Accepting), t.Accepting.Name)
	p("                         applying  %s (%s)", rounded(t.Applying.Applying), t.Applying.Name)
	for _, line := range a.Memory() {
		p("%s", line)
	}
	p("seeds                    %s", a.Seeds())
	p("time                     %s", time.Since(a.began).Round(time.Second))
	p("")
}

// Seeds returns the seeds that were used.
func (a *Account) Seeds() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Trim(fmt.Sprint(a.seeds), "[]")
}

// Memory returns one line for each service with the most memory that one of its processes had.
func (a *Account) Memory() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lines []string
	for _, service := range slices.Sorted(maps.Keys(a.peaks)) {
		lines = append(lines, fmt.Sprintf("memory, %-8s         %d MiB at most", service, a.peaks[service]>>20))
	}
	return lines
}
