package web

import (
	"context"
	"errors"
	"time"
)

// ErrLater is returned by a handler that has not answered and did nothing, because the same request will come again when
// there is something to answer. The router says nothing of such a request: it is logged and counted when it is answered.
var ErrLater = errors.New("the request comes again")

type cameKey struct{}

// Again returns a context for a request that first came at an earlier time, from which on its seconds are counted.
func Again(ctx context.Context, came time.Time) context.Context {
	return context.WithValue(ctx, cameKey{}, came)
}

// came returns when the request of the context came first.
func came(ctx context.Context) time.Time {
	if at, again := ctx.Value(cameKey{}).(time.Time); again {
		return at
	}
	return time.Now()
}
