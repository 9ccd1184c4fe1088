package dev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/filelock"
)

// A home is the data directory of one `counterfoil dev`:
//
//	counterfoil-dev  says that the directory is ours; without it nothing here is touched
//	lock, pid        held by the process that uses the directory, and its number for messages
//	env              where everything is, while it runs
//	passwords        of the three database roles
//	broker/          the golden record
//	postgres/        the database
//	log/             what the services have to say
type home struct {
	dir  string
	lock *filelock.Lock
	made []string // by this process, the last of them first
	used bool     // something was started in it
}

// mark is the file that makes a directory ours.
const mark = "counterfoil-dev"

const markText = `This directory belongs to "counterfoil dev": commands, database, passwords and logs.
"counterfoil dev --fresh" empties it; when nothing uses it you may also remove it whole.
`

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }
func (h *home) env() string             { return h.path(target.EnvFile) }
func (h *home) passwords() string       { return h.path("passwords") }
func (h *home) broker() string          { return h.path("broker") }
func (h *home) postgres() string        { return h.path("postgres") }
func (h *home) logs() string            { return h.path("log") }

// openHome makes the directory or takes over one that is ours, and locks it. A directory that holds anything else is
// refused and left as it is.
func openHome(dir string) (*home, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir}
	if err := h.claim(); err != nil {
		return nil, err
	}
	h.lock, err = filelock.Try(h.path("lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("another counterfoil dev%s uses %s; stop it, or name another directory by --data (and other ports)", h.holder(), dir)
	}
	if err != nil {
		return nil, err
	}
	// What a killed run left behind leads nowhere.
	if err := errors.Join(remove(h.env()), os.WriteFile(h.path("pid"), []byte(strconv.Itoa(os.Getpid())), 0o644)); err != nil {
		return nil, errors.Join(err, h.lock.Release())
	}
	return h, nil
}

// claim makes sure that the directory is there and ours.
func (h *home) claim() error {
	if _, err := os.Stat(h.dir); errors.Is(err, fs.ErrNotExist) {
		h.made = []string{h.dir}
	}
	// PostgreSQL's user has to pass through where this runs as root; what is secret has its own mode.
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	var strangers []string
	for _, entry := range entries {
		if entry.Name() == mark {
			return nil
		}
		strangers = append(strangers, entry.Name())
	}
	if len(strangers) > 0 {
		if len(strangers) > 3 {
			strangers = append(strangers[:3], "…")
		}
		return fmt.Errorf("%s is not a data directory of counterfoil dev (it holds %s); nothing in it was touched, name another by --data", h.dir, strings.Join(strangers, ", "))
	}
	if err := os.WriteFile(h.path(mark), []byte(markText), 0o644); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	h.made = append([]string{h.path("lock"), h.path(mark)}, h.made...)
	return nil
}

// holder names the process that holds the lock, to go on with in a sentence.
func (h *home) holder() string {
	pid, err := os.ReadFile(h.path("pid"))
	if err != nil || len(pid) == 0 {
		return ""
	}
	return " (process " + string(pid) + ")"
}

// empty removes what we put into the directory, and nothing else.
func (h *home) empty(ctx context.Context, say func(string)) error {
	// Also where the database lives elsewhere because PostgreSQL's user cannot reach this directory.
	if err := embedded.RemovePostgres(ctx, h.postgres(), say); err != nil {
		return err
	}
	var errs []error
	for _, path := range []string{h.passwords(), h.postgres(), h.broker(), h.logs()} {
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// close gives the directory up. The file env goes, since what it names has stopped. What this process made and did not use
// goes too.
func (h *home) close() error {
	errs := []error{remove(h.env()), remove(h.path("pid"))}
	if !h.used {
		for _, path := range h.made {
			errs = append(errs, remove(path))
		}
	}
	return errors.Join(append(errs, h.lock.Release())...)
}

func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
