package load

import (
	"sync"
	"time"
)

// Progress measures the longest time between two steps, from begin to end.
type Progress struct {
	mu      sync.Mutex
	running bool
	last    time.Time
	longest time.Duration
}

func (p *Progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.last = true, time.Now()
}

func (p *Progress) end() {
	p.step()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
}

func (p *Progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running {
		return
	}
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
