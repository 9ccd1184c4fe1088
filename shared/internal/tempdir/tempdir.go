// Package tempdir makes temporary directories that no killed process leaves behind
// for good: whoever makes the next one of the same name removes them.
package tempdir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/counterfoil/counterfoil/shared/filelock"
)

// A Dir is a temporary directory with a lock beside it, which tells the others
// that its process lives.
type Dir struct {
	path string
	lock *filelock.Lock
}

const lockSuffix = ".lock"

// New makes a directory that every user may enter, named name and something
// random, and removes those of that name whose processes have died.
func New(name string) (*Dir, error) {
	prefix := filepath.Join(os.TempDir(), name+"-")
	sweep(prefix)
	var random [6]byte
	rand.Read(random[:])
	path := prefix + hex.EncodeToString(random[:])
	lock, err := filelock.Try(path + lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("make temporary directory: %w", err)
	}
	d := &Dir{path, lock}
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("make temporary directory: %w", err), d.Remove())
	}
	return d, nil
}

// Path returns the directory's absolute path.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory with everything in it. It may be called again.
func (d *Dir) Remove() error {
	if err := os.RemoveAll(d.path); err != nil {
		return fmt.Errorf("remove temporary directory: %w", err)
	}
	// The lock goes last, so that a directory never stands without one.
	if err := os.Remove(d.path + lockSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove temporary directory: %w", err)
	}
	return d.lock.Release()
}

// sweep removes what the dead left. What it cannot remove is another user's.
func sweep(prefix string) {
	locks, _ := filepath.Glob(prefix + "*" + lockSuffix)
	for _, path := range locks {
		if lock, err := filelock.Try(path); err == nil {
			d := Dir{strings.TrimSuffix(path, lockSuffix), lock}
			if d.Remove() != nil {
				lock.Release()
			}
		}
	}
}
