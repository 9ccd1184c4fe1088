package wait

import (
	"context"
	"errors"
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
	pending map[K]*lookup[V]
	work    chan struct{} // holds a token while there may be pending keys that no worker has seen

	asked, queries prometheus.Counter
}

// lookup is one key's answer, shared by all who ask for it at the same time.
type lookup[V any] struct {
	done   chan struct{}
	answer V
	err    error
}

func newLookups[K comparable, V any](ask Ask[K, V], timeout time.Duration, asked, queries prometheus.Counter) *lookups[K, V] {
	return &lookups[K, V]{
		ask: ask, timeout: timeout, pending: map[K]*lookup[V]{}, work: make(chan struct{}, 1),
		asked: asked, queries: queries,
	}
}

// find returns the key's answer. A caller who leaves does not disturb those that share the query.
func (l *lookups[K, V]) find(ctx context.Context, key K) (V, error) {
	l.asked.Inc()
	own := l.add(key)
	bound := time.NewTimer(l.timeout)
	defer bound.Stop()
	var none V
	select {
	case <-own.done:
		return own.answer, own.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-bound.C:
		return none, fault.New(fault.CodeDatabaseAway, "PostgreSQL did not answer in time.", errors.New("no look-up was free in time"))
	}
}

func (l *lookups[K, V]) add(key K) *lookup[V] {
	l.mu.Lock()
	own := l.pending[key]
	if own == nil {
		own = &lookup[V]{done: make(chan struct{})}
		l.pending[key] = own
	}
	l.mu.Unlock()
	select {
	case l.work <- struct{}{}:
	default: // whoever takes the token that is there sees this key too
	}
	return own
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
	l.pending = make(map[K]*lookup[V], len(taken))
	l.mu.Unlock()
	if len(taken) == 0 {
		return
	}
	keys := make([]K, 0, len(taken))
	for key := range taken {
		keys = append(keys, key)
	}
	l.queries.Inc()
	answers, err := l.ask(ctx, keys)
	for key, own := range taken {
		own.answer, own.err = answers[key], err
		close(own.done)
	}
}
