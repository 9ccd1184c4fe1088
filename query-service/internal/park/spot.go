package park

import (
	"context"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

// Sitting is what a parked request waits for.
type Sitting interface {
	// OnSettled has the function called once when there is an answer, at once where it is there already.
	OnSettled(func())
	// Leave ends the wait. It does nothing where the handler ended it.
	Leave()
}

// Spot is where a request may park. A handler finds it in the request's context.
type Spot struct {
	sitting Sitting // nil where the handler has not parked
	until   time.Time
}

type spotKey struct{}

// Of returns the spot of the request of the context, nil where it must not park.
func Of(ctx context.Context) *Spot {
	spot, _ := ctx.Value(spotKey{}).(*Spot)
	return spot
}

// Sitting returns what the request waited for, nil where it has not parked so far.
func (s *Spot) Sitting() Sitting { return s.sitting }

// Park has the request come again when the sitting is settled, when it is until, when the client left, which ends the
// context of the request that comes again, or when the service stops. The handler must return its error, must not have
// answered, and must not use the sitting any more.
func (s *Spot) Park(sitting Sitting, until time.Time) error {
	s.sitting, s.until = sitting, until
	return web.ErrLater
}
