package faults

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Report writes what a soak came to as a page of Markdown.
func (a *Account) Report(w io.Writer, passed bool) {
	t := a.Total()
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("# Soak")
	p("")
	p("Written by `make soak`. For %s, seeded random sequences of faults broke the services, the broker, PostgreSQL and the",
		time.Since(a.began).Round(time.Second))
	p("connections between them under steady load, one or two at a time. Every few faults everything was healed, and a checker")
	p("compared what clients were told with what the topic and the table hold and what readers saw. The broker is the embedded")
	p("one, one process without replicas. A killed process does not show what a loss of power does.")
	p("")
	if passed {
		p("**Every promise was kept.**")
	} else {
		p("**It failed.**")
	}
	p("")
	p("| | |")
	p("|---|---|")
	row := func(name, format string, args ...any) { p("| %s | %s |", name, fmt.Sprintf(format, args...)) }
	row("date", "%s", a.began.UTC().Format(time.DateOnly))
	row("revision", "%s", revision())
	row("machine", "%s", machine())
	row("seeds", "%s", a.Seeds())
	row("judged", "%d times", t.Scenarios)
	row("faults injected", "%d, of %d kinds", t.Injected, t.Kinds)
	row("commands", "%d, in %d requests", t.Commands, t.Attempts)
	row("acknowledged", "%d", t.Acknowledged)
	row("unknown", "%d, of which %d are kept", t.Unknown, t.Kept)
	row("refused", "%d", t.Refused)
	row("**lost**", "**%d**", t.Lost)
	row("**doubled**", "**%d**", t.Doubled)
	row("other broken promises", "%d", t.Other)
	row("records", "%d, of which %d are harmless repeats", t.Records, t.Repeats)
	row("rows", "%d", t.Rows)
	row("answers to readers", "%d", t.Observations)
	row("longest stop of accepting", "%s", rounded(t.Accepting.Accepting))
	row("longest stop of applying", "%s", rounded(t.Applying.Applying))
	for _, line := range a.Memory() {
		name, value, _ := strings.Cut(line, "  ")
		row(name, "%s", strings.TrimSpace(value))
	}
	p("")
	p("`make soak SEED=<seed>` repeats the faults; how they meet the load differs from run to run.")
	p("")
	p("| fault | times |")
	p("|---|---|")
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(a.injected)) {
		p("| %s | %d |", name, a.injected[name])
	}
}

func revision() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	revision := strings.TrimSpace(string(out))
	if exec.Command("git", "diff", "--quiet", "HEAD").Run() != nil {
		revision += ", with changes"
	}
	return revision
}

func machine() string {
	parts := []string{runtime.GOOS + "/" + runtime.GOARCH, fmt.Sprintf("%d processors", runtime.NumCPU())}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				parts = append(parts, strings.TrimSpace(value))
				break
			}
		}
	}
	return strings.Join(append(parts, runtime.Version()), ", ")
}
