package load

import (
	"sync"
	"time"
)

// Progress measures the longest time between two steps.
type Progress struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

func (p *Progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
}

func (p *Progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.longest = max(p.longest, now.Sub(p.last))
	p.last = now
}

// Longest returns the longest time so far, that since the last step included, and begins anew.
func (p *Progress) Longest() time.Duration {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := p.longest
	p.longest = 0
	return longest
}
