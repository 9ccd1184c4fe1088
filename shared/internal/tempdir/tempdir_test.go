package tempdir

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNew_RemovesWhatTheDeadLeftAndNothingElse(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	living, err := New("counterfoil-test")
	if err != nil {
		t.Fatal(err)
	}
	dead, err := New("counterfoil-test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead.Path(), "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dead.lock.Release() // as the kernel does when a process ends
	last, err := New("counterfoil-test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead.Path()); !os.IsNotExist(err) {
		t.Errorf("the dead one's directory: %v", err)
	}
	if _, err := os.Stat(living.Path()); err != nil {
		t.Errorf("the living one's directory: %v", err)
	}
	for _, d := range []*Dir{living, last, last} {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
