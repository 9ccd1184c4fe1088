// Package await waits for what other processes do: by asking again until the answer is right or patience ends.
package await

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Patience is how long anything may take on a machine that is busy with other things. Nothing is expected to need it.
const Patience = time.Minute

// The pauses between two tries.
const (
	shortest = 5 * time.Millisecond
	longest  = 100 * time.Millisecond
)

// Until tries until try returns nil. When patience ends, or the test does, the test fails with try's last error. Each try
// gets a context that ends with the patience.
func Until(t testing.TB, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := Try(ctx, try); err != nil {
		t.Fatalf("waited in vain: %v", err)
	}
}

// Try tries until try returns nil or ctx ends, and returns try's last error then. It gives up at once at an error that says
// of itself that it is permanent.
func Try(ctx context.Context, try func(ctx context.Context) error) error {
	pause := shortest
	for {
		err := try(ctx)
		var permanent interface{ Permanent() bool }
		if err == nil || errors.As(err, &permanent) && permanent.Permanent() {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}
