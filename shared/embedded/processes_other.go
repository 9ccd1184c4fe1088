//go:build !linux

package embedded

import (
	"errors"
	"os/exec"
	"strconv"
)

// commandLine returns the command line of a process, separated by spaces, and ""
// when there is no such process or it has ended and nobody waited for it.
func commandLine(pid int) (string, error) {
	output, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", nil
	}
	return string(output), err
}

// sessionsOn would return the processes that a dead server left in the data
// directory. Without /proc nothing tells whose they are; when there are any, the
// server that starts says so and what to do.
func sessionsOn(string) ([]int, error) { return nil, nil }
