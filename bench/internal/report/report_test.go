package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
)

var found = Report{
	Command: "go run ./bench example",
	Tables: []contest.Table{{ID: "example", Title: "An example", Baseline: "peer", Rounds: 2, Note: "More was left out.", Rows: []contest.Row{
		{Name: "ours", Note: "as shipped", Samples: []contest.Sample{{contest.Rate: 20}, {contest.Rate: 30}}},
		{Name: "peer", Samples: []contest.Sample{{contest.Rate: 10}, {contest.Rate: 10}}},
		{Name: "broken", Failed: "it fell over\nand more"},
	}}},
	Curves: []contest.Curve{{ID: "growth", Title: "Growth", X: "rows", Y: "microseconds", Lines: []contest.Line{
		{Name: "apply", Points: []contest.Point{{X: 10, Values: []float64{1}}, {X: 100, Values: []float64{2, 4}}}},
	}, Failed: "it broke off\nthen"}},
	Failures: []string{"no server\nat all"},
}

func TestUpdate_ReplacesOneSectionAndKeepsWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	write(t, page, "before\n<!-- bench a -->\nold\n<!-- end a -->\nbetween\n<!-- bench b -->\nkept\n<!-- end b -->\nafter\n")
	for range 2 {
		if err := Update(page, "a", found); err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, page)
	for _, want := range []string{
		"before\n<!-- bench a -->\n", "<!-- end a -->\nbetween\n<!-- bench b -->\nkept\n<!-- end b -->\nafter\n",
		"| ours | 25.0 (20.0 … 30.0) | 2.50 (2.00 … 3.00) |", "| broken | failed |  |", "dropped out: it fell over\n",
		"More was left out.", "`go run ./bench example --contests example --rounds 2`; median, lowest … highest of 2 rounds.",
		"`go run ./bench example --contests growth --rounds 1`; median, lowest … highest of 1 round.",
		"There is no more: it broke off\n", "**Failed**: no server\n", "| last ÷ first | 3.00 |", "![An example](page/example.svg)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "old") || strings.Count(text, "### An example") != 1 {
		t.Errorf("not replaced:\n%s", text)
	}
	for _, plot := range []string{"example", "growth"} {
		if drawn := read(t, filepath.Join(filepath.Dir(page), "page", plot+".svg")); !strings.Contains(drawn, "<svg") {
			t.Errorf("%s is no picture: %.100s", plot, drawn)
		}
	}
}

func TestUpdate_APageWithoutTheSectionIsAnError(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	write(t, page, "<!-- bench a -->\n")
	if err := Update(page, "a", found); err == nil {
		t.Error("the section has no end")
	}
}

func TestText_ShowsWhoDroppedOut(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	if err := found.Text(&text); err != nil || !strings.Contains(text.String(), "failed") {
		t.Errorf("%v\n%s", err, text.String())
	}
	failed := found.Failed()
	for i, want := range []string{"no server\nat all", "growth: it broke off\nthen", "example, broken: it fell over\nand more"} {
		if len(failed) != 3 || failed[i] != want {
			t.Errorf("failed: %q, want %q", failed, want)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
