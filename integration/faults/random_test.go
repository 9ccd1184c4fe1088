package faults

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// seed returns SEED, which repeats a sequence, or a new one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("SEED")
	if text == "" {
		return rand.Uint64N(1_000_000)
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("SEED: %v", err)
	}
	return seed
}

func TestFaults_InRandomSequence(t *testing.T) {
	if !asked() {
		return
	}
	seed := seed(t)
	account.Seed(seed)
	const steps = 16
	r := rig.New(t, rig.Config{Seed: seed, Consumers: 2})
	NewSequence(seed).Run(r, account, steps)
}
