package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/IBM/sarama"

	"github.com/counterfoil/counterfoil/shared/position"
)

// Bounds of what a claim holds in memory before the handler asks for it, and so of a batch.
const (
	maxBatchRecords = 3_000
	maxBatchBytes   = 4 << 20
)

// ErrClaimEnded is what Next returns when the partition was given to another member or the session ended.
var ErrClaimEnded = errors.New("the claim ended")

// Claim is one partition during one session. Records queue while the handler is busy, bounded by number and bytes, and
// Next hands out all that queued: batches grow by themselves under load, and nobody waits for a batch to fill.
type Claim struct {
	Partition
	session sarama.ConsumerGroupSession
	claim   sarama.ConsumerGroupClaim
	budget  *budget // shared with the session's other claims

	mu      sync.Mutex
	queued  []Record
	bytes   int      // of queued
	handed  []Record // what Next handed out before
	working int      // bytes of handed
	ended   bool     // no more records will come
	arrived chan struct{}
	taken   chan struct{}
	done    chan struct{} // closed when nobody will ask for records again
}

func newClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, budget *budget) *Claim {
	return &Claim{
		Partition: Partition{claim.Topic(), claim.Partition()},
		session:   session, claim: claim, budget: budget,
		arrived: make(chan struct{}, 1),
		taken:   make(chan struct{}, 1),
		done:    make(chan struct{}),
	}
}

// End returns the offset of the next record to be written to the partition, as of the last fetch.
func (c *Claim) End() int64 { return c.claim.HighWaterMarkOffset() }

// Applied tells the group that everything before next is done. It is sent in the background as a hint (G4).
func (c *Claim) Applied(next int64) {
	c.session.MarkOffset(c.Topic, c.Number, next, "")
}

// Next returns all records that have queued, at least one, waiting for the first. The slice is the caller's until it
// calls Next again. It returns ErrClaimEnded at the end of the claim, or ctx's error.
func (c *Claim) Next(ctx context.Context) ([]Record, error) {
	c.release()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err // a claim that is over hands out nothing more
		}
		c.mu.Lock()
		if len(c.queued) > 0 {
			batch := c.queued
			c.queued, c.handed = c.handed[:0], batch
			c.bytes, c.working = 0, c.bytes
			c.mu.Unlock()
			notify(c.taken)
			return batch, nil
		}
		ended := c.ended
		c.mu.Unlock()
		if ended {
			return nil, ErrClaimEnded
		}
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// release forgets what Next handed out before: while it waits for more, nobody holds it.
func (c *Claim) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.handed)
	c.budget.give(c.working)
	c.working = 0
}

// pump queues records until sarama closes the claim or nobody will ask for them.
func (c *Claim) pump() {
	defer func() {
		c.mu.Lock()
		c.ended = true
		c.mu.Unlock()
		notify(c.arrived)
	}()
	for {
		select {
		case msg, ok := <-c.claim.Messages():
			if !ok || !c.put(record(msg)) {
				return
			}
		case <-c.done:
			return
		}
	}
}

// put queues the record once there is room for it; a record of any size fits into an empty queue. It reports false when
// the claim is over.
func (c *Claim) put(r Record) bool {
	size := r.size()
	c.budget.take(size)
	for {
		c.mu.Lock()
		if len(c.queued) == 0 || len(c.queued) < maxBatchRecords && c.bytes+size <= maxBatchBytes {
			c.queued = append(c.queued, r)
			c.bytes += size
			c.mu.Unlock()
			notify(c.arrived)
			return true
		}
		c.mu.Unlock()
		select {
		case <-c.taken:
		case <-c.done:
			return false
		case <-c.session.Context().Done():
			return false
		}
	}
}

func notify(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}

func record(msg *sarama.ConsumerMessage) Record {
	r := Record{
		Position:  position.Position{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset},
		Timestamp: msg.Timestamp.UTC(),
		Key:       msg.Key,
		Value:     msg.Value,
	}
	if len(msg.Headers) > 0 {
		r.Headers = make([]Header, len(msg.Headers))
		for i, h := range msg.Headers {
			r.Headers[i] = Header{Key: string(h.Key), Value: h.Value}
		}
	}
	return r
}
