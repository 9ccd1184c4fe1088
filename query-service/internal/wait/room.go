package wait

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// recheck is how often a room looks for its waiters without having been notified.
const recheck = time.Second

// crowd is how many keys make a round that is followed by a rest of the same length: every notification asks for all who
// wait, and thousands of them would take most of what the database can do. Ten times as many rest ten times as long, a
// few not at all; nobody is found later than by the re-check.
const crowd = 1000

// Room is where requests wait for the answers to one kind of question. K names what is asked for.
type Room[K comparable, V any] struct {
	lobby   *Lobby
	ask     Ask[K, V]
	settled func(V) bool
	lookups *lookups[K, V]

	mu         sync.Mutex
	seats      map[K]*seat[K, V]
	notifiedAt time.Time // when the oldest notification came that no round has followed; zero where there is none

	wake chan struct{} // holds a token while a round is due

	ends   *prometheus.CounterVec
	rounds prometheus.Counter
	took   prometheus.Observer
}

// seat is shared by all who wait for the same key. Its fields are guarded by the room's lock.
type seat[K comparable, V any] struct {
	sitting []*Sitting[K, V] // those who wait
	last    V
	err     error // of the last round
	settled bool  // last is
}

// NewRoom returns a room of the lobby. ask looks keys up, settled says whether an answer is worth waking for, question
// names the room in metrics, timeout bounds a look-up.
func NewRoom[K comparable, V any](lobby *Lobby, question string, ask Ask[K, V], settled func(V) bool, timeout time.Duration) *Room[K, V] {
	m := lobby.metrics
	return &Room[K, V]{
		lobby: lobby, ask: ask, settled: settled, seats: map[K]*seat[K, V]{}, wake: make(chan struct{}, 1),
		lookups: newLookups(ask, timeout, m.lookups.WithLabelValues(question), m.queries.WithLabelValues(question)),
		ends:    m.ends.MustCurryWith(prometheus.Labels{"question": question}),
		rounds:  m.rounds.WithLabelValues(question),
		took:    m.wake.WithLabelValues(question),
	}
}

// Run answers look-ups and wakes waiters until ctx ends. Nobody may call Look or Wait after that.
func (r *Room[K, V]) Run(ctx context.Context) error {
	var looking sync.WaitGroup
	looking.Go(func() { r.lookups.run(ctx) })
	defer looking.Wait()
	ticker := time.NewTicker(recheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-ticker.C:
		}
		began := time.Now()
		looked := r.round(ctx)
		rest := time.Since(began) * time.Duration(looked) / crowd
		if looked < crowd/10 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(rest, recheck)):
		}
	}
}

// Look returns the key's answer as it is now.
func (r *Room[K, V]) Look(ctx context.Context, key K) (V, error) { return r.lookups.find(ctx, key) }

// Wait returns the key's answer as soon as it is settled, or the last known one when longest has passed or the lobby
// closes. Its errors are faults, except that of ctx when the client left.
func (r *Room[K, V]) Wait(ctx context.Context, key K, longest time.Duration) (V, error) {
	until := time.Now().Add(longest)
	s, answer, err := r.Sit(ctx, key)
	if s == nil {
		return answer, err
	}
	s.await(ctx, time.Until(until))
	return s.Rise(ctx)
}

func (r *Room[K, V]) ended(end string) { r.ends.WithLabelValues(end).Inc() }

// Wake makes a round follow, whether or not one is under way.
func (r *Room[K, V]) Wake() {
	r.mu.Lock()
	if r.notifiedAt.IsZero() {
		r.notifiedAt = time.Now()
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default: // a round is due already, and has not begun
	}
}

// round looks for everybody who sits, in one query, and returns how many keys it asked for.
func (r *Room[K, V]) round(ctx context.Context) (looked int) {
	r.mu.Lock()
	keys := make([]K, 0, len(r.seats))
	for key := range r.seats {
		keys = append(keys, key)
	}
	notifiedAt := r.notifiedAt
	r.notifiedAt = time.Time{}
	r.mu.Unlock()
	if len(keys) == 0 {
		return 0
	}
	r.rounds.Inc()
	answers, err := r.ask(ctx, keys)
	r.mu.Lock()
	defer r.mu.Unlock()
	settled := false
	for _, key := range keys {
		s := r.seats[key]
		if s == nil {
			continue
		}
		s.err = err
		if err != nil {
			continue
		}
		s.last = answers[key]
		if r.settled(s.last) {
			s.settled = true
			delete(r.seats, key)
			settled = true
			for _, waiting := range s.sitting {
				if waiting.settled != nil {
					waiting.settled()
				}
			}
		}
	}
	if settled && !notifiedAt.IsZero() {
		r.took.Observe(time.Since(notifiedAt).Seconds())
	}
	return len(keys)
}
