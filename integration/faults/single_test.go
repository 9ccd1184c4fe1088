package faults

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// asked reports whether the long tests were asked for: make faults sets FAULTS. They take minutes, and go test work has to
// stay short; what they check with is tested there.
func asked() bool { return os.Getenv("FAULTS") != "" }

func TestFaults_OneByOne(t *testing.T) {
	if !asked() {
		return
	}
	seed := seed(t)
	account.Seed(seed)
	r := rig.New(t, rig.Config{Seed: seed, Consumers: 2})
	random := rand.New(rand.NewPCG(seed, 1))
	r.Begin()
	oneByOne(r, random, Catalogue())
	account.Judged("one by one", r)
}

// oneByOne injects the faults whose names contain FAULT, heals each, and measures how long nothing moved.
func oneByOne(r *rig.Rig, random *rand.Rand, faults []Fault) {
	for _, f := range faults {
		if !strings.Contains(f.Name, os.Getenv("FAULT")) {
			continue
		}
		r.Longest()
		f.Inject(r, random)
		account.Injected(f.Name)
		pause(f.Least)
		r.Heal()
		r.Moving()
		account.Measured(f.Name, r)
	}
}
