// Command mutants shows that the tests catch plausible mistakes: it applies each to a scratch copy of the repository and
// runs the tests that should fail. A mistake that nothing catches is a missing test; the exit code is then 1. The tests are
// run without any mistake first, since one that fails then would catch everything.
//
//	go run ./integration/mutants            all of them
//	go run ./integration/mutants checkpoint those whose mistake contains the word
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, strings.Join(os.Args[1:], " "))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, word string) error {
	root, err := output(ctx, "", "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return fmt.Errorf("find the repository: %w", err)
	}
	scratch, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := copyTree(ctx, strings.TrimSpace(root), scratch); err != nil {
		return fmt.Errorf("copy the repository: %w", err)
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !strings.Contains(m.mistake, word) })
	if len(chosen) == 0 {
		return fmt.Errorf("no mistake contains %q", word)
	}
	if err := sound(ctx, scratch, chosen); err != nil {
		return err
	}
	survivors := 0
	for _, m := range chosen {
		began := time.Now()
		caught, by, err := try(ctx, scratch, m)
		if err != nil {
			return fmt.Errorf("%s: %w", m.mistake, err)
		}
		verdict := "caught by " + by
		if !caught {
			verdict = "NOT CAUGHT by " + m.run + " in " + m.pkg
			survivors++
		}
		fmt.Printf("%-55s %4.0fs  %s\n", m.mistake, time.Since(began).Seconds(), verdict)
	}
	fmt.Printf("%d passed, %d failed\n", len(chosen)-survivors, survivors)
	if survivors > 0 {
		return fmt.Errorf("%d mistakes were not caught", survivors)
	}
	return nil
}

// copyTree copies what git tracks, with changes that are not committed.
func copyTree(ctx context.Context, root, scratch string) error {
	return exec.CommandContext(ctx, "sh", "-c",
		`cd "$1" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - | tar -C "$2" -xf -`, "sh", root, scratch).Run()
}

// sound reports whether the tests of the mutants pass where there is no mistake.
func sound(ctx context.Context, scratch string, chosen []mutant) error {
	var faults []error
	ran := map[[2]string]bool{}
	for _, m := range chosen {
		if ran[[2]string{m.pkg, m.run}] {
			continue
		}
		ran[[2]string{m.pkg, m.run}] = true
		out, failed, err := tests(ctx, scratch, m)
		if err != nil {
			return fmt.Errorf("%s in %s: %w", m.run, m.pkg, err)
		}
		if failed {
			faults = append(faults, fmt.Errorf("%s in %s fails without any mistake, so it shows nothing: %s", m.run, m.pkg, failing(out)))
		}
	}
	return errors.Join(faults...)
}

// try runs the tests against the mistake. A mistake that does not compile says nothing, so it is an error.
func try(ctx context.Context, scratch string, m mutant) (caught bool, by string, err error) {
	path := filepath.Join(scratch, m.file)
	original, err := os.ReadFile(path)
	if err != nil {
		return false, "", err
	}
	if n := strings.Count(string(original), m.old); n != 1 {
		return false, "", fmt.Errorf("%q stands %d times in %s, not once; mend the table of mutants", m.old, n, m.file)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(original), m.old, m.new, 1)), 0o600); err != nil {
		return false, "", err
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, original, 0o600)) }()
	out, failed, err := tests(ctx, scratch, m)
	return failed, failing(out), err
}

// tests runs the mutant's tests on what the copy holds now. It is an error when there are none, or when they do not compile.
func tests(ctx context.Context, scratch string, m mutant) (out string, failed bool, err error) {
	out, err = output(ctx, scratch, "go", "test", "-count=1", "-failfast", "-run", m.run, m.pkg)
	if ctx.Err() != nil {
		return "", false, ctx.Err()
	}
	if strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]") || strings.Contains(out, "no tests to run") {
		return "", false, fmt.Errorf("says nothing: %s", out)
	}
	return out, err != nil, nil
}

// failing returns the name of the first test that failed.
func failing(out string) string {
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			name, _, _ := strings.Cut(rest, " ")
			return name
		}
	}
	return "a test process that ended"
}

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}
