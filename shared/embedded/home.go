package embedded

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
)

// rootsHome is where root's data goes when PostgreSQL's user cannot reach the
// directory that was asked for. It outlives a reboot.
const rootsHome = "/var/lib/counterfoil"

// A home is a directory with everything that one PostgreSQL server keeps:
//
//	data/        what initdb made
//	password     the superuser's, readable by its owner only
//	server.log   what the server said since it started; .1 is the run before
//	lock         held while a process of ours uses the home
type home struct {
	dir     string
	account account
}

func (h home) data() string     { return filepath.Join(h.dir, "data") }
func (h home) password() string { return filepath.Join(h.dir, "password") }
func (h home) log() string      { return filepath.Join(h.dir, "server.log") }
func (h home) lock() string     { return filepath.Join(h.dir, "lock") }

// findHome makes the directory, or another one when the account that PostgreSQL
// has to run as does not reach it. The same directory leads to the same home at
// every start.
func findHome(asked string, say func(string)) (home, error) {
	if err := os.MkdirAll(asked, 0o755); err != nil {
		return home{}, err
	}
	h, err := homeAt(asked)
	if err != nil {
		return home{}, err
	}
	if h.account.cred == nil {
		if err := h.account.enter(h.dir); err != nil {
			return home{}, fmt.Errorf("cannot enter %s: check its permissions or choose another directory: %w", h.dir, err)
		}
		return h, nil
	}
	if err := h.account.enter("/"); err != nil {
		return home{}, fmt.Errorf("PostgreSQL refuses to run as root, and nothing can be run as user %s: %w: run this as an ordinary user", h.account.name, err)
	}
	if h.account.enter(h.dir) == nil {
		return h, nil
	}
	if h.initialized() {
		return home{}, fmt.Errorf("the data in %s cannot be reached by user %s, who has to run PostgreSQL: allow that user to pass through the directories above it, or remove the data to begin anew", h.dir, h.account.name)
	}
	return h.moved(say)
}

// homeAt returns the home in a directory that exists, under the name that every
// path to it leads to.
func homeAt(dir string) (h home, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return home{}, err
	}
	if h.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return home{}, err
	}
	h.account, err = accountFor(h.data())
	return h, err
}

// movedDir returns the directory that takes the home's place when its account cannot reach it.
func (h home) movedDir() string {
	name := sha256.Sum256([]byte(h.dir))
	return filepath.Join(rootsHome, hex.EncodeToString(name[:8]))
}

// moved returns the home that stands in for one that its account cannot reach.
func (h home) moved(say func(string)) (home, error) {
	if err := os.MkdirAll(h.movedDir(), 0o755); err != nil {
		return home{}, err
	}
	moved, err := homeAt(h.movedDir())
	if err != nil {
		return home{}, err
	}
	// For the person who finds the directory and wonders whose it is.
	if err := os.WriteFile(filepath.Join(moved.dir, "for"), []byte(h.dir+"\n"), 0o644); err != nil {
		return home{}, err
	}
	if err := moved.account.enter(moved.dir); err != nil {
		return home{}, fmt.Errorf("user %s, who has to run PostgreSQL, can enter neither %s nor %s: choose another directory", h.account.name, h.dir, moved.dir)
	}
	say(fmt.Sprintf("PostgreSQL does not run as root, and user %s cannot enter %s: its data is kept in %s", moved.account.name, h.dir, moved.dir))
	return moved, nil
}

// initialized tells whether initdb has finished here.
func (h home) initialized() bool {
	_, err := os.Stat(filepath.Join(h.data(), "PG_VERSION"))
	return err == nil
}

// version returns the major version that the data belongs to, "" when there is none.
func (h home) version() (string, error) {
	content, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("the data in %s belongs to another user: run this as that user or as root, or choose another directory", h.dir)
	case err != nil:
		return "", err
	}
	return strings.TrimSpace(string(content)), nil
}

// initialize makes the data directory, which appears whole or not at all.
func (h home) initialize(ctx context.Context, bin string, durable bool) error {
	if err := h.writePassword(); err != nil {
		return err
	}
	// C.UTF-8 orders by bytes and knows letters; some systems have only C.
	output, err := h.initdb(ctx, bin, "C.UTF-8", durable)
	if err != nil && bytes.Contains(output, []byte("invalid locale")) {
		output, err = h.initdb(ctx, bin, "C", durable)
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(output))
	}
	return os.Rename(h.unfinished(), h.data())
}

func (h home) unfinished() string { return filepath.Join(h.dir, "data.unfinished") }

func (h home) initdb(ctx context.Context, bin, locale string, durable bool) (output []byte, err error) {
	if err := os.RemoveAll(h.unfinished()); err != nil {
		return nil, err
	}
	if err := os.Mkdir(h.unfinished(), 0o700); err != nil {
		return nil, err
	}
	if err := h.account.own(h.unfinished()); err != nil {
		return nil, err
	}
	args := []string{"--pgdata=" + h.unfinished(), "--username=postgres", "--pwfile=" + h.password(),
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=" + locale}
	if !durable {
		args = append(args, "--no-sync")
	}
	return runShort(ctx, h.account.command(h.dir, filepath.Join(bin, "initdb"), args...))
}

func (h home) writePassword() error {
	var random [20]byte
	rand.Read(random[:])
	// Removed first, because writing to a file that exists would keep its mode.
	if err := os.Remove(h.password()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(h.password(), []byte(hex.EncodeToString(random[:])), 0o600); err != nil {
		return err
	}
	return h.account.own(h.password())
}

func (h home) readPassword() (string, error) {
	password, err := os.ReadFile(h.password())
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the superuser's password is gone: put %s back, or remove %s to begin with an empty database", h.password(), h.dir)
	}
	return strings.TrimSpace(string(password)), err
}

// logTail returns the last lines that the server wrote, for a message to a person.
func (h home) logTail() string {
	content, err := os.ReadFile(h.log())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// postgresEnviron leaves out what would change what PostgreSQL's programs do or say.
func postgresEnviron(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") && !strings.HasPrefix(variable, "LANG") {
			kept = append(kept, variable)
		}
	}
	return append(kept, "LC_ALL=C")
}

// runShort runs a command that ends by itself, killing it and what it started
// when the context ends first.
func runShort(ctx context.Context, cmd *exec.Cmd) (output []byte, err error) {
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	cmd.WaitDelay = time.Second // what it started may hold its output open
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, err
	}
	select {
	case <-process.Done():
		return both.Bytes(), process.Err()
	case <-ctx.Done():
		syscall.Kill(-process.PID(), syscall.SIGKILL)
		<-process.Done()
		return both.Bytes(), ctx.Err()
	}
}
