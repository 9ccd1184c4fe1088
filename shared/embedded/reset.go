package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/counterfoil/counterfoil/shared/filelock"
)

// StopLeftover stops the server that a killed run left behind on the directory of
// a PostgresConfig, if there is one, and so frees its port. StartPostgres does it
// too; this is for a caller that looks at ports before it starts anything.
func StopLeftover(ctx context.Context, dir string, say func(string)) error {
	err := withStopped(ctx, dir, say, func(home) error { return nil })
	if err != nil {
		return fmt.Errorf("stop what an earlier run left behind: %w", err)
	}
	return nil
}

// RemovePostgres stops a server that a killed run left behind on the directory of
// a PostgresConfig and removes its data, wherever StartPostgres has put it. It
// fails when another process uses the directory.
func RemovePostgres(ctx context.Context, dir string, say func(string)) error {
	err := withStopped(ctx, dir, say, func(h home) error {
		var errs []error
		for _, name := range []string{h.data(), h.unfinished(), h.password(), h.log(), h.log() + ".1"} {
			errs = append(errs, os.RemoveAll(name))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("remove postgres: %w", err)
	}
	return nil
}

// withStopped calls do for each home of the directory, its own and the one that took its place, while that is locked and
// nothing runs there. It makes none, and works also where PostgreSQL could not run.
func withStopped(ctx context.Context, dir string, say func(string), do func(home) error) error {
	h, err := homeAt(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := h.whileStopped(ctx, say, do); err != nil || h.account.cred == nil {
		return err
	}
	moved, err := homeAt(h.movedDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return moved.whileStopped(ctx, say, do)
}

func (h home) whileStopped(ctx context.Context, say func(string), do func(home) error) error {
	lock, err := filelock.Try(h.lock())
	if errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("another process runs PostgreSQL in %s", h.dir)
	}
	if err != nil {
		return err
	}
	if err = h.evict(ctx, say); err == nil {
		err = do(h)
	}
	return errors.Join(err, lock.Release())
}
