//go:build crashpoints

// Package crash names the steps at which tests end a process, to show what a crash there leaves behind.
package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name, after = target(os.Getenv("CRASH_AT"))
	seen        atomic.Int64
)

// target reads name#n; n is 1 where it is not given.
func target(text string) (string, int64) {
	name, count, _ := strings.Cut(text, "#")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		n = 1
	}
	return name, n
}

// Here is a step with a name.
func Here(step string) {
	if step == name && seen.Add(1) == after {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing may follow the step
	}
}
