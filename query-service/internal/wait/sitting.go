package wait

import (
	"context"
	"slices"
	"time"
)

// Sitting is one who waits for a key. It holds a place in the lobby until it rises, and no goroutine.
type Sitting[K comparable, V any] struct {
	room *Room[K, V]
	key  K
	seat *seat[K, V]

	// Guarded by the room's lock.
	settled func() // nil until OnSettled
	risen   bool
}

// Sit looks the key up for one who waits, and returns nil and the answer where there is nothing to wait for. Otherwise the
// caller must Rise or Leave. Its errors are faults, except that of ctx when the client left.
func (r *Room[K, V]) Sit(ctx context.Context, key K) (*Sitting[K, V], V, error) {
	if err := r.lobby.enter(); err != nil {
		r.ended(endRefused)
		var none V
		return nil, none, err
	}
	s := r.sit(key) // before the first look, so that no notification after that look is missed
	first, err := r.Look(ctx, key)
	switch {
	case ctx.Err() != nil:
		s.leave(endGone)
		return nil, first, ctx.Err()
	case err != nil:
		s.leave(endFailed)
		return nil, first, err
	case r.settled(first):
		s.leave(endSettled)
		return nil, first, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.seat.settled { // otherwise a round knows better already
		s.seat.last, s.seat.err = first, nil
	}
	return s, first, nil
}

func (r *Room[K, V]) sit(key K) *Sitting[K, V] {
	r.mu.Lock()
	defer r.mu.Unlock()
	shared := r.seats[key]
	if shared == nil {
		shared = &seat[K, V]{}
		r.seats[key] = shared
	}
	s := &Sitting[K, V]{room: r, key: key, seat: shared}
	shared.sitting = append(shared.sitting, s)
	return s
}

// OnSettled has the function called once when the answer is settled, at once where it is already, and no other that was
// given before. It must not block, nor call the sitting.
func (s *Sitting[K, V]) OnSettled(call func()) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.seat.settled {
		call()
		return
	}
	s.settled = call
}

// Soon waits for a moment as one of few who do, no longer than until, and reports whether the wait is over. Who reads its own write mostly waits
// for some milliseconds, for which it is cheaper to keep a goroutine than to do without.
func (s *Sitting[K, V]) Soon(ctx context.Context, until time.Time) (over bool) {
	select {
	case s.room.lobby.near <- struct{}{}:
	default:
		return false
	}
	defer func() { <-s.room.lobby.near }()
	return s.await(ctx, min(s.room.lobby.moment, time.Until(until))) || !time.Now().Before(until)
}

// await reports whether there is something to answer before that time is over.
func (s *Sitting[K, V]) await(ctx context.Context, longest time.Duration) bool {
	settled := make(chan struct{})
	s.OnSettled(func() { close(settled) })
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-settled:
	case <-s.room.lobby.closing:
	case <-ctx.Done():
	case <-timer.C:
		return false
	}
	return true
}

// Rise ends the wait and returns what is known now. Its errors are faults, except that of ctx when the client left.
func (s *Sitting[K, V]) Rise(ctx context.Context) (V, error) {
	s.room.mu.Lock()
	last, err, settled := s.seat.last, s.seat.err, s.seat.settled
	s.room.mu.Unlock()
	end := endTime
	switch {
	case settled:
		end = endSettled
	case ctx.Err() != nil:
		end, err = endGone, ctx.Err()
	case err != nil:
		end = endFailed
	case s.room.lobby.Closing():
		end = endClosing
	}
	s.leave(end)
	return last, err
}

// Leave ends the wait of one who is not answered. It does nothing after Rise.
func (s *Sitting[K, V]) Leave() { s.leave(endGone) }

func (s *Sitting[K, V]) leave(end string) {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	if s.risen {
		return
	}
	s.risen = true
	if !s.seat.settled { // otherwise the room has cleared the seat away
		s.seat.sitting = slices.DeleteFunc(s.seat.sitting, func(other *Sitting[K, V]) bool { return other == s })
		if len(s.seat.sitting) == 0 {
			delete(s.room.seats, s.key)
		}
	}
	s.room.lobby.leave()
	s.room.ended(end)
}
