package accept

import (
	"context"
	"time"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// Timestamp keeps an instant written as RFC 3339 asks. The keys are the request's values of Idempotency-Key: none or one.
func (a *Accepter) Timestamp(ctx context.Context, text string, keys []string) (Ticket, error) {
	at, err := command.ParseTimestamp(text)
	if err != nil {
		return Ticket{}, invalid(fault.CodeInvalidTimestamp, err)
	}
	return a.timestamp(ctx, at, keys)
}

// Now keeps the present instant, in whole microseconds.
func (a *Accepter) Now(ctx context.Context, keys []string) (Ticket, error) {
	return a.timestamp(ctx, time.Now().UTC().Truncate(time.Microsecond), keys)
}

func (a *Accepter) timestamp(ctx context.Context, at time.Time, keys []string) (Ticket, error) {
	id, err := mint(keys)
	if err != nil {
		return Ticket{}, err
	}
	c := command.Timestamp{ID: id, At: at}
	return a.keep(ctx, c.ID, c.Key(), c.Value())
}
