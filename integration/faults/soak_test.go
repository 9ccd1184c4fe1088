package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// TestSoak runs random sequences for DURATION on one rig and writes docs/soak.md. It runs only where DURATION is set:
// make soak does.
func TestSoak(t *testing.T) {
	text := os.Getenv("DURATION")
	if text == "" {
		return
	}
	duration, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("DURATION: %v", err)
	}
	account := NewAccount(os.Stdout)
	t.Cleanup(func() {
		account.Summary(os.Stdout)
		var page bytes.Buffer
		account.Report(&page, !t.Failed())
		if err := os.WriteFile(filepath.Join("..", "..", "docs", "soak.md"), page.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
	})
	r := rig.New(t, rig.Config{Seed: seed(t), Consumers: 2})
	for first := seed(t); time.Since(account.began) < duration && !t.Failed(); first++ {
		account.Seed(first)
		NewSequence(first).Run(r, account, stepsOfASeed)
	}
}

// stepsOfASeed is how many faults come of one seed of a soak.
const stepsOfASeed = 3 * stepsOfAChapter
