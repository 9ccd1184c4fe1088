package faults

import (
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

func TestG4_ScalingAndRollingRestartsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	scale(rig.New(t, rig.Config{Readers: 1}))
}

// scale makes three consumers of one, restarts all three one after the other, and leaves one, under load.
func scale(r *rig.Rig) {
	r.Begin()
	r.Moving()
	step := func(name string, do func()) {
		r.Longest()
		do()
		r.AwaitShared()
		r.Moving()
		account.Measured(name, r)
	}
	step("from one consumer to two", func() { r.AddConsumer() })
	step("from two consumers to three", func() { r.AddConsumer() })
	step("rolling restart of three consumers", func() {
		for _, s := range r.Consumers {
			s.Stop()
			s.Start()
			r.AwaitShared()
		}
	})
	step("from three consumers to two", r.RemoveConsumer)
	step("from two consumers to one", r.RemoveConsumer)
	account.Judged("1, 2, 3, restarted, 2, 1 consumers", r)
}
