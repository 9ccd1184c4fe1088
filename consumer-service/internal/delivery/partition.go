package delivery

import (
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafka"
)

// partition is what this member knows of a partition that it was assigned.
type partition struct {
	kafka.Partition
	assigned kafka.Assignment
	refused  error // lost history; never changes

	mu     sync.Mutex
	next   int64        // the checkpoint
	end    int64        // the offset of the next record to be written, when the session began
	latest func() int64 // the same, as of the last fetch; nil before the first
	oldest time.Time    // the timestamp of the first record that is not applied yet, zero when there is none
	since  time.Time    // since when the batch under way fails, zero when it does not
	reason string       // why it fails
}

func (p *partition) position() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

func (p *partition) advance(next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = max(p.next, next)
}

func (p *partition) follow(end func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest = end
}

func (p *partition) busy(oldest time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oldest = oldest
}

func (p *partition) idle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oldest, p.since, p.reason = time.Time{}, time.Time{}, ""
}

func (p *partition) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = time.Now()
	}
	p.reason = err.Error()
}

// stuck reports since when and why the partition does not move; the zero time when it does.
func (p *partition) stuck() (since time.Time, reason string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.since, p.reason
}

// lag returns how many records are not applied yet, and how long ago the first of them was written.
func (p *partition) lag(now time.Time) (records int64, age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	end := p.end
	if p.latest != nil {
		end = max(end, p.latest())
	}
	if !p.oldest.IsZero() {
		age = max(0, now.Sub(p.oldest))
	}
	return max(0, end-p.next), age
}
