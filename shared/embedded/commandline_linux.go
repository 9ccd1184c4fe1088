package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
