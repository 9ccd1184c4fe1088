//go:build crashpoints

// Package crash names the steps at which tests end a process, to show what a crash there leaves behind.
package crash

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	killed  = target(os.Getenv("CRASH_AT"))
	stopped = target(os.Getenv("STOP_AT"))
)

// point is one step, at one of the times at which it is come to.
type point struct {
	name string
	n    int64
	seen atomic.Int64
}

// target reads name#n; n is 1 where it is not given.
func target(text string) *point {
	name, count, _ := strings.Cut(text, "#")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		n = 1
	}
	return &point{name: name, n: n}
}

// Here is a step with a name.
func Here(step string) {
	if killed.reached(step) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way; nothing may follow the step
	}
	if stopped.reached(step) {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-time.After(100 * time.Millisecond) // another thread may have got it, and all stop only a little later
	}
}

func (p *point) reached(step string) bool { return step == p.name && p.seen.Add(1) == p.n }
