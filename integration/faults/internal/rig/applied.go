package rig

import (
	"context"
	"sync"
	"testing"
	"time"
)

// applied measures the longest time without progress of the checkpoints.
type applied struct {
	mu      sync.Mutex
	paused  bool
	sum     int64
	last    time.Time
	maximum time.Duration
}

// watch looks at the checkpoints until the test ends.
func (a *applied) watch(t testing.TB, r *Rig) {
	a.paused, a.last = true, time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
			checkpoints, err := r.checkpoints(ctx)
			if err != nil {
				continue
			}
			var sum int64
			for _, next := range checkpoints {
				sum += next
			}
			a.see(sum)
		}
	})
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
}

func (a *applied) see(sum int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paused || sum == a.sum {
		return
	}
	a.sum = sum
	a.maximum = max(a.maximum, time.Since(a.last))
	a.last = time.Now()
}

// count returns how many steps forward the checkpoints took altogether.
func (a *applied) count() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sum
}

// pause tells that there is nothing to apply for a while, or that there is again.
func (a *applied) pause(paused bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paused, a.last = paused, time.Now()
}

func (a *applied) longest() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	longest := a.maximum
	if !a.paused {
		longest = max(longest, time.Since(a.last))
	}
	a.maximum = 0
	return longest
}
