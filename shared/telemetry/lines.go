package telemetry

import (
	"io"
	"os"
	"sync"
	"time"
)

// Stdout is the standard output of this process, for its log. Main functions flush it before they exit.
var Stdout = Gather(os.Stdout)

// held is how long a line waits for others at most, and room how many bytes wait.
const (
	held = 10 * time.Millisecond
	room = 32 << 10
)

// Lines gathers lines and writes them together, because a write costs a busy service more than making the line does: at
// thousands of requests a second, one write in a hundred is left. A line waits for at most 10 ms; a logger of NewLogger lets
// no warning and no error wait. A process that is killed loses what waits.
type Lines struct {
	out   io.Writer
	mu    sync.Mutex // also held while writing, so that lines stay in order
	wait  []byte
	flush *time.Timer // runs while something waits
}

// Gather returns a writer of lines to out. It takes calls from several goroutines, out need not.
func Gather(out io.Writer) *Lines {
	l := &Lines{out: out}
	l.flush = time.AfterFunc(time.Hour, l.Flush)
	l.flush.Stop()
	return l
}

// Write keeps a copy of p. It reports no error: there is nobody who could write it down.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wait) == 0 {
		l.flush.Reset(held)
	}
	l.wait = append(l.wait, p...)
	if len(l.wait) >= room {
		l.write()
	}
	return len(p), nil
}

// Flush writes what waits.
func (l *Lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write()
}

func (l *Lines) write() {
	if len(l.wait) > 0 {
		_, _ = l.out.Write(l.wait)
		l.wait = l.wait[:0]
	}
}
