package faults

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// A Sequence picks faults by its seed: which, how many at once, for how long, with how much quiet between them. The same
// seed picks the same.
type Sequence struct {
	Seed   uint64
	random *rand.Rand
	faults []Fault
	step   int
}

// NewSequence begins a sequence.
func NewSequence(seed uint64) *Sequence {
	return &Sequence{Seed: seed, random: rand.New(rand.NewPCG(seed, 2)), faults: Catalogue()}
}

// Next injects one or two faults, lets them hold for a while, and heals everything.
func (s *Sequence) Next(r *rig.Rig, account *Account) {
	s.step++
	picked := []Fault{s.faults[s.random.IntN(len(s.faults))]}
	if s.random.IntN(3) == 0 {
		picked = append(picked, s.faults[s.random.IntN(len(s.faults))])
	}
	var names []string
	hold := time.Duration(0)
	for _, f := range picked {
		names = append(names, f.Name)
		hold = max(hold, f.Least+time.Duration(s.random.Int64N(int64(f.Most-f.Least))))
	}
	quiet := time.Duration(s.random.Int64N(int64(2 * time.Second)))
	account.Say("seed %d, step %d: %s, for %s", s.Seed, s.step, strings.Join(names, " and "), hold.Round(time.Millisecond))
	began := time.Now()
	for _, f := range picked {
		// Each has a source of its own, so that what it draws does not change what comes next.
		f.Inject(r, rand.New(rand.NewPCG(s.random.Uint64(), s.random.Uint64())))
		account.Injected(f.Name)
	}
	pause(hold - time.Since(began))
	r.Heal()
	pause(quiet)
}

// Run takes that many steps and judges what became of everything, in the middle and at the end.
func (s *Sequence) Run(r *rig.Rig, account *Account, steps int) {
	for n := range steps {
		if n%stepsOfAChapter == 0 {
			r.Begin()
		}
		s.Next(r, account)
		if (n+1)%stepsOfAChapter == 0 || n+1 == steps {
			account.Judged(fmt.Sprintf("seed %d, %d steps", s.Seed, n+1), r)
		}
	}
}

// stepsOfAChapter is how many faults come before everything is judged.
const stepsOfAChapter = 8
