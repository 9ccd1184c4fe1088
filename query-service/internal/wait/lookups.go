package wait

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// Ask is a query for many keys. A key without an entry in its result has the zero answer. Its errors are faults.
type Ask[K comparable, V any] func(ctx context.Context, keys []K) (map[K]V, error)

// workers is how many queries of one kind run at the same time. More of them make more and smaller queries, which is
// slower; with only one, a slow query would hold everybody.
const workers = 2

// lookups answers keys one by one and asks for them many at a time: while all workers are busy, keys gather for the next
// free one. Nothing waits for a batch to fill.
type lookups[K comparable, V any] struct {
	ask     Ask[K, V]
	timeout time.Duration

	mu      sync.Mutex
	pending *batch[K, V]  // nil where nobody asks
	work    chan struct{} // holds a token while there may be a batch that no worker has seen

	asked, queries prometheus.Counter
}

// batch is what one query asks for. Those who ask share its timer and its channel, because one of each for every request
// costs more than the request's part of the query.
type batch[K comparable, V any] struct {
	keys map[K]struct{}
	late *time.Timer

	over sync.Once
	done chan struct{} // closed when answers and err are there
	// A key without an entry has the zero answer.
	answers map[K]V
	err     error
}

func (b *batch[K, V]) finish(answers map[K]V, err error) {
	b.over.Do(func() {
		b.answers, b.err = answers, err
		close(b.done)
	})
}

func newLookups[K comparable, V any](ask Ask[K, V], timeout time.Duration, asked, queries prometheus.Counter) *lookups[K, V] {
	return &lookups[K, V]{ask: ask, timeout: timeout, work: make(chan struct{}, 1), asked: asked, queries: queries}
}

// find returns the key's answer. A caller who leaves does not disturb those that share the query.
func (l *lookups[K, V]) find(ctx context.Context, key K) (V, error) {
	l.asked.Inc()
	own := l.add(key)
	select {
	case <-own.done:
		return own.answers[key], own.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

func (l *lookups[K, V]) add(key K) *batch[K, V] {
	l.mu.Lock()
	own := l.pending
	if own == nil {
		own = &batch[K, V]{keys: map[K]struct{}{}, done: make(chan struct{})}
		own.late = time.AfterFunc(l.timeout, func() { l.giveUp(own) })
		l.pending = own
	}
	own.keys[key] = struct{}{}
	l.mu.Unlock()
	select {
	case l.work <- struct{}{}:
	default: // whoever takes the token that is there sees this key too
	}
	return own
}

// giveUp ends a batch that was not answered in time, whether or not a worker has it.
func (l *lookups[K, V]) giveUp(late *batch[K, V]) {
	l.mu.Lock()
	if l.pending == late {
		l.pending = nil
	}
	l.mu.Unlock()
	late.finish(nil, fault.New(fault.CodeDatabaseAway, "PostgreSQL did not answer in time.", errors.New("no look-up was free in time")))
}

// run works until ctx ends.
func (l *lookups[K, V]) run(ctx context.Context) {
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-l.work:
					l.runOnce(ctx)
				}
			}
		})
	}
	all.Wait()
}

// runOnce answers everything that is pending.
func (l *lookups[K, V]) runOnce(ctx context.Context) {
	l.mu.Lock()
	taken := l.pending
	l.pending = nil
	l.mu.Unlock()
	if taken == nil {
		return
	}
	defer taken.late.Stop()
	l.queries.Inc()
	taken.finish(l.ask(ctx, slices.Collect(maps.Keys(taken.keys))))
}
