package faults

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// Every step of the code is in Steps, and every one of Steps is in the code.
func TestSteps_AreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	here := regexp.MustCompile(`crash\.Here\("([^"]+)"\)`)
	var found, known []string
	root := filepath.Join("..", "..")
	for _, module := range []string{"command-service", "consumer-service", "query-service", "shared"} {
		err := filepath.WalkDir(filepath.Join(root, module), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := os.ReadFile(path)
			for _, match := range here.FindAllSubmatch(content, -1) {
				found = append(found, string(match[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range Steps {
		known = append(known, step.Name)
	}
	slices.Sort(found)
	found = slices.Compact(found) // batches come to a step alone or together
	slices.Sort(known)
	if !slices.Equal(found, known) {
		t.Errorf("the code has the steps\n%s\nand Steps are\n%s", strings.Join(found, "\n"), strings.Join(known, "\n"))
	}
}

// A version that is being built under load is ready with all rows, wherever its consumer was killed.
func TestFaults_ABuildIsGoneOnWithFromEveryStep(t *testing.T) {
	t.Parallel()
	var steps []Step
	for _, step := range Steps {
		if strings.HasPrefix(step.Name, "build: ") {
			steps = append(steps, step)
		}
	}
	killAt(t, rig.New(t, rig.Config{Rate: 50, Readers: 1}), steps)
}

// One after the other, the service that comes to a step is killed there, and it does come there.
func TestFaults_AtEveryStep(t *testing.T) {
	if !asked() {
		return
	}
	var others, rebuilds []Step
	for _, step := range Steps {
		switch {
		case strings.HasPrefix(step.Name, "rebuild: "):
			rebuilds = append(rebuilds, step)
		case !strings.HasPrefix(step.Name, "build: "): // see TestFaults_ABuildIsGoneOnWithFromEveryStep
			others = append(others, step)
		}
	}
	killAt(t, rig.New(t, rig.Config{}), others)
	// Where the database is dropped, readers do not see what they saw until it is filled again.
	killAt(t, rig.New(t, rig.Config{Readers: -1}), rebuilds)
}

func killAt(t *testing.T, r *rig.Rig, steps []Step) {
	t.Helper()
	r.Begin()
	for _, step := range steps {
		r.Moving()
		r.Longest()
		s := r.Command
		if step.Service == "consumer-service" {
			s = r.Consumer(0)
		}
		s.Kill()
		if strings.HasPrefix(step.Name, "rebuild: ") {
			r.DropDatabase()
		}
		version := 0
		if strings.HasPrefix(step.Name, "build: ") {
			version = r.Build()
		}
		s.Start("CRASH_AT=" + step.Name)
		if strings.HasPrefix(step.Name, "control: ") {
			r.Decide()
		}
		if err := s.AwaitEnd(); err != nil {
			t.Errorf("%s: %v", step.Name, err)
		}
		account.Injected("SIGKILL at " + step.Name)
		r.Heal()
		if version > 0 {
			r.AwaitBuilt(version)
		}
		r.Moving()
		account.Measured("SIGKILL at "+step.Name+", one consumer", r)
	}
	account.Judged(fmt.Sprintf("killed at %d steps", len(steps)), r)
}
