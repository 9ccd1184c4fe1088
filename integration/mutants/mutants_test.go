package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The runner itself: it tells what is caught from what is not, and trusts no test that fails anyway or is not there.
func TestRunner_TellsCaughtFromNotCaughtAndFromNothing(t *testing.T) {
	t.Parallel()
	scratch := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":      "module sums\n\ngo 1.26\n",
		"sum.go":      "package sums\n\nfunc sum(a, b int) int { return a + b }\n",
		"sum_test.go": "package sums\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tif sum(1, 2) != 3 {\n\t\tt.Error()\n\t}\n}\n\nfunc TestZero(t *testing.T) {\n\tif sum(0, 0) != 0 {\n\t\tt.Error()\n\t}\n}\n\nfunc TestBroken(t *testing.T) { t.Error() }\n",
	} {
		if err := os.WriteFile(filepath.Join(scratch, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mistake := func(run string) mutant { return mutant{"minus", "sum.go", "a + b", "a - b", ".", run} }
	for run, want := range map[string]bool{"TestSum": true, "TestZero": false} {
		if err := sound(t.Context(), scratch, []mutant{mistake(run)}); err != nil {
			t.Errorf("%s is not sound: %v", run, err)
		}
		if caught, by, err := try(t.Context(), scratch, mistake(run)); err != nil || caught != want || caught && by != run {
			t.Errorf("%s catches it: %v by %s, %v, want %v", run, caught, by, err, want)
		}
	}
	if err := sound(t.Context(), scratch, []mutant{mistake("TestSum|TestBroken")}); err == nil || !strings.Contains(err.Error(), "fails without any mistake, so it shows nothing: TestBroken") {
		t.Errorf("of a test that fails anyway it says %v", err)
	}
	for name, m := range map[string]mutant{
		"no test":       mistake("TestNobody"),
		"no package":    {"minus", "sum.go", "a + b", "a - b", "./absent", "TestSum"},
		"no compiling":  {"minus", "sum.go", "a + b", "a - c", ".", "TestSum"},
		"not the place": {"minus", "sum.go", "a * b", "a - b", ".", "TestSum"},
	} {
		if caught, _, err := try(t.Context(), scratch, m); err == nil || caught {
			t.Errorf("%s counts as caught: %v, %v", name, caught, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(scratch, "sum.go"))
	if err != nil || !strings.Contains(string(content), "a + b") {
		t.Errorf("the mistake stays: %s, %v", content, err)
	}
}

// A mistake that no longer fits the code shows nothing: its row has to follow the code.
func TestMutants_FitTheCode(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		content, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(content), m.old); n != 1 || m.old == m.new {
			t.Errorf("%s: %q stands %d times in %s, not once", m.mistake, m.old, n, m.file)
		}
	}
}
