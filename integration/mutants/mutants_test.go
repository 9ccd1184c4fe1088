package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
