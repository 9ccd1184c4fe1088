package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// commandLine returns the command line of a process, separated by spaces, and ""
// when there is no such process or it has ended and nobody waited for it.
func commandLine(pid int) (string, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return "", nil
	}
	return strings.ReplaceAll(string(content), "\x00", " "), err
}

// sessionsOn returns the processes of PostgreSQL servers, other than the servers
// themselves, that work in the data directory. They are told by where they run and
// by the title that each of them gives itself.
func sessionsOn(data string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var sessions []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// What cannot be read has just ended or is another user's.
		if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil || cwd != data {
			continue
		}
		if title, err := commandLine(pid); err == nil && strings.HasPrefix(title, "postgres: ") {
			sessions = append(sessions, pid)
		}
	}
	return sessions, nil
}
