package show

import (
	"fmt"
	"time"
)

// lineEvery is how often progress is written where a line cannot be written again.
const lineEvery = 5 * time.Second

// Progress is one line that changes while something goes on: the same line again on a terminal, and a new one every five
// seconds elsewhere.
type Progress struct {
	p       *Printer
	shown   bool
	written time.Time
}

// Progress returns a line about something that goes on.
func (p *Printer) Progress() *Progress { return &Progress{p: p} }

// Update shows how far it is at the moment.
func (l *Progress) Update(now time.Time, text string) {
	switch {
	case l.p.terminal:
		fmt.Fprintf(l.p.err, "\r\x1b[K%s", text)
		l.shown = true
	case now.Sub(l.written) >= lineEvery:
		fmt.Fprintln(l.p.err, text)
		l.written = now
	}
}

// Done ends the line, so that what follows begins on another.
func (l *Progress) Done() {
	if l.shown {
		fmt.Fprintln(l.p.err)
		l.shown = false
	}
}
