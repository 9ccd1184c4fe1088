// Package delivery brings the records of a consumer group's partitions to an applier, in order and each until it was
// applied or parked.
//
// It promises that a partition begins at its checkpoint whatever the group's committed offset says (G4), that a database
// or broker that is away makes it wait and nothing else (G5), that a record never ends the group's session, and that it
// refuses a partition whose history is not the one that the checkpoint speaks of (G11). What is done about a failure is
// decided by its kind, in package fault, and nowhere else.
package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Limits of patience.
const (
	applyLimit = time.Minute            // for one batch, beyond the limit of each of its statements
	maxBackoff = 5 * time.Second        // between two tries
	lookAgain  = 5 * time.Second        // at the checkpoint of a partition that has no records
	recheck    = time.Second            // of the decisions about a refused partition
	heldPause  = 100 * time.Millisecond // between two tries to move a checkpoint that is held
)

// applier is what records are delivered to: a version of a read model, or the decisions of people.
type applier interface {
	// Checkpoints returns where each partition is.
	Checkpoints(ctx context.Context) (map[kafka.Partition]readmodel.Checkpoint, error)
	// GoOn returns where to go on after lost history, if that was decided. The checkpoint is nil where there is none.
	GoOn(ctx context.Context, assigned kafka.Assignment, checkpoint *readmodel.Checkpoint) (next int64, decided bool, err error)
	// Begin makes a partition's checkpoint exist; it moves one that exists only where anew says so.
	Begin(ctx context.Context, assigned kafka.Assignment, next int64, anew bool) error
	// Resume is called once the checkpoints of a session's partitions are known to be right.
	Resume(ctx context.Context) error
	// Apply applies records in order and moves the checkpoint; see apply.Applier.
	Apply(ctx context.Context, expected int64, records []kafka.Record) (apply.Result, error)
}

// Handler delivers the records of one read model version, or of the control topic.
type Handler struct {
	name    string // of the read model
	version int
	applier applier
	prepare func(context.Context) error
	log     *slog.Logger
	metrics *Metrics

	mu         sync.Mutex
	partitions map[kafka.Partition]*partition
	preparing  string // why the session's start waits; "" when it does not
}

// New returns a handler for kafka.NewGroup. Each session begins with prepare, which makes everything exist that the
// applier writes to.
func New(name string, version int, applier applier, prepare func(context.Context) error, log *slog.Logger, metrics *Metrics) *Handler {
	return &Handler{
		name: name, version: version, applier: applier, prepare: prepare, metrics: metrics,
		log:        log.With("read_model", name, "version", version),
		partitions: map[kafka.Partition]*partition{},
	}
}

// Assigned returns the checkpoints of the partitions. It waits for PostgreSQL as long as the session lasts.
func (h *Handler) Assigned(ctx context.Context, assignments []kafka.Assignment) (map[kafka.Partition]int64, error) {
	h.revoke()
	wait := newBackoff()
	for {
		begin, err := h.assign(ctx, assignments)
		if err == nil {
			h.waiting("")
			return begin, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		h.waiting(err.Error())
		h.report(ctx, "cannot begin, trying again", err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait.NextBackOff()):
		}
	}
}

// assign reads the checkpoints once, creates those that are missing, and refuses partitions whose history was lost.
func (h *Handler) assign(ctx context.Context, assignments []kafka.Assignment) (map[kafka.Partition]int64, error) {
	if err := h.prepare(ctx); err != nil {
		return nil, err
	}
	checkpoints, err := h.applier.Checkpoints(ctx)
	if err != nil {
		return nil, err
	}
	crash.Here("delivery: checkpoints read")
	begin := make(map[kafka.Partition]int64, len(assignments))
	partitions := make(map[kafka.Partition]*partition, len(assignments))
	for _, assigned := range assignments {
		checkpoint, exists := checkpoints[assigned.Partition]
		p := &partition{Partition: assigned.Partition, assigned: assigned, next: checkpoint.Next, end: assigned.End}
		lost := lostHistory(assigned, checkpoint, exists)
		accepted, decided := int64(0), false
		if lost != nil {
			if accepted, decided, err = h.goOn(ctx, assigned, checkpoint, exists); err != nil {
				return nil, err
			}
		}
		if decided {
			h.log.WarnContext(ctx, "going on after lost history, as was decided", "topic", p.Topic, "partition", p.Number,
				"expected", checkpoint.Next, "offset", accepted)
			p.next = accepted
		}
		if lost != nil && !decided {
			p.refused = lost
			h.report(ctx, "refusing the partition", lost, "topic", p.Topic, "partition", p.Number)
			begin[assigned.Partition] = assigned.End // a place that exists; nothing is read from it
		} else {
			if err := h.applier.Begin(ctx, assigned, p.next, lost != nil); err != nil {
				return nil, err
			}
			begin[assigned.Partition] = p.next
		}
		partitions[assigned.Partition] = p
	}
	if err := h.applier.Resume(ctx); err != nil {
		return nil, err
	}
	crash.Here("delivery: partitions begun")
	h.mu.Lock()
	h.partitions = partitions
	h.mu.Unlock()
	return begin, nil
}

// Consume applies the claim's records until it ends. It ends the session by itself only when the checkpoint, or the table
// under it, is no longer what this session began with.
func (h *Handler) Consume(ctx context.Context, claim *kafka.Claim) {
	p := h.partition(claim.Partition)
	if p == nil {
		return
	}
	p.follow(claim.End)
	if p.refused != nil {
		h.awaitDecision(ctx, p, claim)
		return
	}
	for {
		records, err := next(ctx, claim)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			if !h.stillThere(ctx, p) {
				return
			}
		case err != nil || !h.deliver(ctx, p, records):
			return
		default:
			claim.Applied(p.position())
			crash.Here("delivery: offset marked")
		}
	}
}

// next waits for records, but not longer than until the checkpoint should be looked at again.
func next(ctx context.Context, claim *kafka.Claim) ([]kafka.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	return claim.Next(ctx)
}

// stillThere reports whether the checkpoint of an idle partition is where it was. A database that was dropped or restored
// shows here although no record comes, and is filled again by a new session.
func (h *Handler) stillThere(ctx context.Context, p *partition) bool {
	checkpoints, err := h.applier.Checkpoints(ctx)
	if err != nil {
		p.fail(err)
		return !needsPreparing(err)
	}
	p.idle()
	checkpoint, exists := checkpoints[p.Partition]
	return exists && checkpoint.Next == p.position()
}

// deliver applies the records, as often as it takes. It reports false when a new session has to begin.
func (h *Handler) deliver(ctx context.Context, p *partition, records []kafka.Record) bool {
	wait := newBackoff()
	for {
		records = from(records, p.position())
		if len(records) == 0 {
			p.idle()
			return true
		}
		p.busy(records[0].Timestamp)
		began := time.Now()
		err := h.applyOnce(ctx, p, records)
		if err == nil {
			p.idle()
			return true
		}
		if at, held := apply.HeldAt(err); held {
			if !h.held(ctx, p, records, at) {
				return false
			}
			continue
		}
		p.fail(err)
		h.metrics.failed(h, err)
		if !h.treat(ctx, p, err) {
			return false
		}
		if time.Since(began) > maxBackoff {
			wait.Reset()
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait.NextBackOff()):
		}
	}
}

// treat does what the kind of a failure asks for, and reports whether this session is to try again. What Apply returns is
// never to be parked: it parks by itself, and what keeps it from that is a defect.
func (h *Handler) treat(ctx context.Context, p *partition, err error) (again bool) {
	log := h.log.With("topic", p.Topic, "partition", p.Number, "offset", p.position(), "code", fault.Of(err).Code, "error", err)
	switch fault.Of(err).Kind().Treatment() {
	case fault.Wait:
		log.WarnContext(ctx, "cannot apply, trying again")
	case fault.Reload:
		// Somebody else, or a commit of ours whose answer was lost, moved the checkpoint, and may have parked keys that
		// this session does not know of. A new session begins with what is true now.
		log.WarnContext(ctx, "fenced, beginning anew")
		return false
	case fault.Stop, fault.Park:
		log.ErrorContext(ctx, "cannot apply until somebody mends it")
	}
	return !needsPreparing(err)
}

// held waits a moment for a checkpoint that is held, having applied what is before the hold. It is no failure: somebody
// compares versions at the same positions, or makes indexes. It reports false when a new session has to begin.
func (h *Handler) held(ctx context.Context, p *partition, records []kafka.Record, at int64) bool {
	if before := upTo(records, at); len(before) > 0 && len(before) < len(records) {
		return h.deliver(ctx, p, before)
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(heldPause):
		return true
	}
}

// applyOnce applies the records and accounts for what became of them. A batch under way is finished when the session
// ends: the checkpoint fences it if somebody else has the partition by then.
func (h *Handler) applyOnce(ctx context.Context, p *partition, records []kafka.Record) error {
	began := time.Now()
	applying, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyLimit)
	defer cancel()
	result, err := h.applier.Apply(applying, p.position(), records)
	done := upTo(records, result.Next)
	p.advance(result.Next)
	if len(done) > 0 {
		h.metrics.applied(h, done, result, time.Since(began))
		h.account(ctx, p, done, result, time.Since(began))
	}
	return err
}

// awaitDecision holds a refused partition until somebody decided to go on. What the broker sends meanwhile is dropped, so
// that it takes no room from other partitions; a new session begins where it was decided.
func (h *Handler) awaitDecision(ctx context.Context, p *partition, claim *kafka.Claim) {
	for {
		checkpoints, err := h.applier.Checkpoints(ctx)
		if err == nil {
			checkpoint, exists := checkpoints[p.Partition]
			if _, decided, err := h.goOn(ctx, p.assigned, checkpoint, exists); decided && err == nil {
				h.log.InfoContext(ctx, "it was decided to go on, beginning anew", "topic", p.Topic, "partition", p.Number)
				return
			}
		}
		if drop(ctx, claim) != nil {
			return
		}
	}
}

// drop takes records for a while and forgets them. It returns an error when the claim or ctx ended.
func drop(ctx context.Context, claim *kafka.Claim) error {
	pause, cancel := context.WithTimeout(ctx, recheck)
	defer cancel()
	for {
		if _, err := claim.Next(pause); errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (h *Handler) partition(key kafka.Partition) *partition {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.partitions[key]
}

func (h *Handler) revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partitions = map[kafka.Partition]*partition{}
}

func (h *Handler) waiting(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.preparing = reason
}

func newBackoff() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 100*time.Millisecond, maxBackoff
	return b
}

// from returns the records at and behind the offset.
func from(records []kafka.Record, next int64) []kafka.Record {
	for len(records) > 0 && records[0].Position.Offset < next {
		records = records[1:]
	}
	return records
}

// upTo returns the records before the offset.
func upTo(records []kafka.Record, next int64) []kafka.Record {
	return records[:len(records)-len(from(records, next))]
}
