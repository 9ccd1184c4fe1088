package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// A consumer that owns the one partition stops at a step of a batch, for longer than its session. Another one takes the
// partition over; then the first runs on. What each of the two says that it committed, put together, is every record once:
// the first one committed nothing of what it still held, before or behind its commit statement.
func TestG4_AConsumerThatWasStoppedPastItsSessionCommitsNothing(t *testing.T) {
	for _, step := range []string{"apply: before commit", "delivery: offset marked"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			stop := rig.SessionTimeout + 3*time.Second
			if asked() {
				stop = time.Minute
			}
			r := rig.New(t, rig.Config{Partitions: 1, Rate: 50, Readers: 1})
			first := r.Consumer(0)
			first.Stop()
			first.Start("STOP_AT=" + step + "#40")
			r.Begin()
			first.AwaitStopped()
			began := time.Now()
			r.Longest()
			second := r.AddConsumer()
			r.AwaitBatch(second)
			account.Measured("consumer stopped at "+step+", another takes over", r)
			pause(stop - time.Since(began))
			held := r.Batches(first)
			first.Thaw()
			r.Joined(first)
			r.Moving()
			account.Judged(fmt.Sprintf("consumer stopped at %s for %s", step, rounded(time.Since(began))), r)

			next := int64(0)
			for _, b := range r.Batches(first, second) {
				if b.From != next {
					t.Errorf("%s committed from %d to %d, and what was committed before ends at %d", b.By, b.From, b.To, next)
				}
				next = b.To
			}
			if end := r.Ends()[0]; next != end {
				t.Errorf("the batches end at %d, the partition at %d", next, end)
			}
			if taken := r.Batches(second); len(taken) == 0 || len(held) == 0 || taken[0].From != held[len(held)-1].To {
				t.Errorf("the second did not begin where the first had stopped: %v, %v", held, taken)
			}
		})
	}
}
