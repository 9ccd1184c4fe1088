// Package filelock keeps two processes from using one directory at a time.
//
// A lock is held by an open file, so the kernel gives it up when its process
// dies, however it dies: there are no stale locks. It is for local file
// systems and for tools of development and test; no service calls it.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrHeld is returned by [Try] when another process, or another part of this
// one, holds the lock.
var ErrHeld = errors.New("lock is held")

// A Lock is held until [Lock.Release] is called or its process ends.
type Lock struct{ file *os.File }

// Try takes the lock on the file at path, which it creates when it is absent,
// or returns an error that is [ErrHeld].
func Try(path string) (*Lock, error) {
	// Reading is enough for flock, and it works on a file that another user created.
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EINTR {
			break
		}
	}
	switch err {
	case nil:
		return &Lock{file}, nil
	case syscall.EWOULDBLOCK:
		file.Close()
		return nil, fmt.Errorf("%s: %w", path, ErrHeld)
	default:
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
}

// Wait takes the lock on the file at path as soon as nobody else holds it, or
// returns the context's error.
func Wait(ctx context.Context, path string) (*Lock, error) {
	// flock itself cannot be told to stop waiting, so this asks again.
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		lock, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for lock %s: %w", path, ctx.Err())
		case <-again.C:
		}
	}
}

// Release gives the lock up. The file stays, because removing it would let two
// processes lock two files of the same name. Release may be called again.
func (l *Lock) Release() error {
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("release lock: %w", err)
	}
	return nil
}
