package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// noProcess is a number that no process can have on Linux or macOS.
const noProcess = 1<<31 - 2

func (h home) pidFile() string { return filepath.Join(h.data(), "postmaster.pid") }

// readPidFile returns the server's process id and its state, both zero when the
// file is absent or not yet whole. The lines are PostgreSQL's: pidfile.h.
func (h home) readPidFile() (pid int, status string) {
	content, err := os.ReadFile(h.pidFile())
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(content), "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// evict makes the data directory free for a new server. It is called with the
// home's lock held, so a server that still runs here has lost its parent.
func (h home) evict(ctx context.Context, say func(string)) error {
	pid, _ := h.readPidFile()
	if pid <= 0 {
		return nil // the last one was stopped in good order
	}
	serves, err := servesData(pid, h.data())
	if err != nil {
		return err
	}
	if serves {
		say(fmt.Sprintf("stopping the PostgreSQL (process %d) that an earlier run left behind", pid))
		return stopStranger(ctx, pid, h.data())
	}
	if err := h.endSessions(ctx, say); err != nil {
		return err
	}
	return h.disownPidFile()
}

// endSessions ends what a dead server's sessions still compute. They notice its
// death only when they wait for something, and no server starts before they end.
func (h home) endSessions(ctx context.Context, say func(string)) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for told := false; ; {
		sessions, err := sessionsOn(h.data())
		if err != nil || len(sessions) == 0 {
			return err
		}
		if !told {
			say(fmt.Sprintf("ending the processes %v of a PostgreSQL that was killed", sessions))
			told = true
		}
		for _, pid := range sessions {
			if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil && err != syscall.ESRCH {
				return fmt.Errorf("end process %d: %w", pid, err)
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of processes %v: %w", sessions, ctx.Err())
		}
	}
}

// disownPidFile replaces the process id in a pid file whose server is gone. After
// a reboot another process may have that number, and then the server would refuse
// to start. The rest stays, because from it the server learns whether other
// processes of the dead one still use the data; without the file it could not.
func (h home) disownPidFile() error {
	content, err := os.ReadFile(h.pidFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(content), "\n")
	// In place: the file keeps its owner and mode.
	return os.WriteFile(h.pidFile(), []byte(strconv.Itoa(noProcess)+"\n"+rest), 0o600)
}

// stopStranger stops a server that is not our child, first fast, then at once.
func stopStranger(ctx context.Context, pid int, data string) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	patience := time.NewTimer(15 * time.Second)
	defer patience.Stop()
	sig := syscall.SIGINT
	for {
		if sig != 0 {
			if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
				return fmt.Errorf("stop process %d: %w", pid, err)
			}
		}
		sig = 0
		select {
		case <-look.C:
		case <-patience.C:
			sig = syscall.SIGQUIT
		case <-ctx.Done():
			return fmt.Errorf("wait for the end of process %d: %w", pid, ctx.Err())
		}
		serves, err := servesData(pid, data)
		if err != nil || !serves {
			return err
		}
	}
}

// servesData tells whether the process is a server on the data directory, by the
// -D that every server of ours is started with.
func servesData(pid int, data string) (bool, error) {
	args, err := commandLine(pid)
	if err != nil {
		return false, err
	}
	return strings.Contains(args, "-D "+data+" "), nil
}
