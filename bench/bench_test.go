package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/measure"
	"github.com/counterfoil/counterfoil/bench/internal/report"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

func TestParse_WhatIsAskedForIsWhatIsMeasured(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]measure.Options{
		"ingest": {Rounds: 3, Lasts: 3 * time.Second, Records: 1_000_000},
		"apply --rounds 2 --duration 1m --records 5000 --peers --against HEAD~1 --contests replay --contestants ours,COPY": {
			Rounds: 2, Lasts: time.Minute, Records: 5000, Peers: true, Against: "HEAD~1", Contests: "replay", Contestants: []string{"ours", "COPY"},
		},
		"read --quick":              {Rounds: 1, Lasts: 500 * time.Millisecond, Records: 20_000, Quick: true},
		"grow --quick --records 50": {Rounds: 1, Lasts: 500 * time.Millisecond, Records: 50, Quick: true},
	} {
		cli, parsed, err := parse(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := cli.options()
		if parsed.Command() != strings.Fields(line)[0] {
			t.Errorf("%s is %s", line, parsed.Command())
		}
		got.Say = nil
		if !slices.Equal(got.Contestants, want.Contestants) {
			t.Errorf("%s: contestants %q", line, got.Contestants)
		}
		got.Contestants, want.Contestants = nil, nil
		if !same(got, want) {
			t.Errorf("%s: %+v, want %+v", line, got, want)
		}
	}
	for _, line := range []string{"", "sleep", "ingest --output xml", "all --only everything", "ingest --rounds many"} {
		if _, _, err := parse(strings.Fields(line)); err == nil {
			t.Errorf("%q was understood", line)
		}
	}
}

// same compares options, which hold slices, in what can be compared.
func same(a, b measure.Options) bool {
	return a.Rounds == b.Rounds && a.Lasts == b.Lasts && a.Records == b.Records && a.Quick == b.Quick && a.Against == b.Against &&
		a.Peers == b.Peers && a.Contests == b.Contests && a.Deadline.Equal(b.Deadline)
}

func TestParse_PeersHaveWhatTheyNeed(t *testing.T) {
	t.Parallel()
	cli, _, err := parse(strings.Fields("peer insert-one --broker b:1 --topic t --group g --db postgres:// --commit"))
	if err != nil || !cli.Peer.InsertOne.Commit || cli.Peer.InsertOne.Topic != "t" || cli.Peer.InsertOne.Conns != 16 {
		t.Errorf("%+v, %v", cli.Peer.InsertOne, err)
	}
	if _, _, err := parse(strings.Fields("peer tutorial --topic t")); err == nil {
		t.Error("a peer without a broker was started")
	}
}

func TestSized_BudgetsMakeTurnsAndTopicsLargerWithinLimits(t *testing.T) {
	t.Parallel()
	usual := measure.Options{Rounds: 3, Lasts: 3 * time.Second, Records: 1_000_000}
	for budget, want := range map[time.Duration]measure.Options{
		time.Minute:      {Lasts: time.Second, Records: 100_000},
		15 * time.Minute: {Lasts: 1500 * time.Millisecond, Records: 500_000},
		30 * time.Minute: {Lasts: 3 * time.Second, Records: 1_000_000},
		time.Hour:        {Lasts: 6 * time.Second, Records: 2_000_000},
		24 * time.Hour:   {Lasts: 144 * time.Second, Records: 5_000_000},
	} {
		if got := sized(usual, budget); got.Lasts != want.Lasts || got.Records != want.Records || got.Rounds != usual.Rounds {
			t.Errorf("%s: turns of %s, %d records", budget, got.Lasts, got.Records)
		}
	}
}

func TestShares_AreTheWholeBudgetAndWhatIsSavedIsShared(t *testing.T) {
	t.Parallel()
	some := []section{{part: 1}, {part: 2}, {part: 1}}
	left := 40 * time.Minute
	for i, want := range []time.Duration{10 * time.Minute, 20 * time.Minute, 10 * time.Minute} {
		got := firstShare(some[i:], left)
		if got != want {
			t.Errorf("section %d has %s, want %s", i, got, want)
		}
		left -= got
	}
	if got := firstShare(some[1:], 60*time.Minute); got != 40*time.Minute {
		t.Errorf("after a section that took no time the next has %s", got)
	}
	if got := firstShare(some[2:], -time.Minute); got > 0 {
		t.Errorf("when time is over there is %s", got)
	}
	if got := budgetOf(sections, time.Hour); got != time.Hour {
		t.Errorf("all sections have %s of an hour", got)
	}
	if got := budgetOf(sections[:1], time.Hour); got <= 0 || got >= time.Hour {
		t.Errorf("one section has %s of an hour", got)
	}
}

func TestSections_EachHasItsPlaceInThePage(t *testing.T) {
	t.Parallel()
	root, err := rig.Checkout()
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "performance.md")
	copied(t, filepath.Join(root, "docs", "performance.md"), page)
	for _, s := range sections {
		if err := report.Update(page, s.name, report.Report{}); err != nil {
			t.Error(err)
		}
	}
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAll_WhatFailsStandsInThePageAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("<!-- bench a -->\n<!-- end a -->\n<!-- bench b -->\n<!-- end b -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	some := []section{
		{"a", func(context.Context, *rig.Rig, measure.Options, *report.Report) error { return errors.New("no server") }, 1},
		{"b", func(_ context.Context, _ *rig.Rig, o measure.Options, to *report.Report) error {
			to.Tables = append(to.Tables, contest.Table{ID: "b", Title: "The second", Rounds: o.Rounds})
			return nil
		}, 1},
	}
	err := all{Budget: time.Minute, Page: page}.measure(t.Context(), &common{Rounds: 2, Duration: time.Second}, some)
	if err == nil || !strings.Contains(err.Error(), "no server") {
		t.Errorf("error %v", err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"**Failed**: no server", "### The second", "go run ./bench b --duration 1s --records 100000 --contests b --rounds 2"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
