package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// liveRate is how many commands a second come while a read model is rebuilt.
const liveRate = 100

// Rebuild measures how long it takes until a lost read model is back, and what live commands notice of it.
func Rebuild(ctx context.Context, r *rig.Rig, o Options) ([]contest.Table, error) {
	sizes := []int64{o.Records, 10 * o.Records}
	if o.Quick {
		sizes = sizes[:1]
	}
	var tables []contest.Table
	for i, size := range sizes {
		b := rebuilding{Options: o, rig: r}
		b.Records, b.Rounds = size, max(1, o.Rounds/(1+2*i)) // the large one once, where the small one is done three times
		found, err := b.measure(ctx)
		tables = append(tables, found...)
		if err != nil {
			return tables, err
		}
	}
	return tables, nil
}

// rebuilding is a stack with a full read model.
type rebuilding struct {
	Options
	rig *rig.Rig
	stack
}

func (b rebuilding) measure(ctx context.Context) (tables []contest.Table, err error) {
	if b.stack, err = b.startStack(ctx, b.rig); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.stop(context.WithoutCancel(ctx))) }()
	b.Say("writing %d commands to a topic, and applying them", b.Records)
	if err := b.rig.Fill(ctx, b.topic, rig.Commands(b.Records)); err != nil {
		return nil, err
	}
	if err := b.caughtUp(ctx, b.db, b.Records); err != nil {
		return nil, err
	}
	c := contest.Contest{
		ID: fmt.Sprintf("rebuild-%d", b.Records), Title: fmt.Sprintf("The read model of %d commands is lost and comes back, %d live commands a second", b.Records, liveRate),
		Baseline: "nothing else to do",
		Contestants: []contest.Contestant{
			{Name: "nothing else to do", Note: "the same commands, empty database, no live commands: the apply rate", Run: b.undisturbed},
			{Name: "new group, TRUNCATE", Note: "the table is emptied and a new group begins at offset 0", Run: b.truncated},
			{Name: "empty database", Note: "the database is dropped under a consumer that runs", Run: b.dropped},
		},
	}
	return b.runAll(ctx, c)
}

// caughtUp waits until everything that the topic holds and at least n rows are in the table.
func (b rebuilding) caughtUp(ctx context.Context, db *rig.Database, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	return rig.Until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		applied, err := db.Applied(ctx, b.group, b.topic)
		if err != nil {
			return false, nil // a database that is being dropped cannot say
		}
		return applied >= n, nil
	})
}

// undisturbed applies the topic by another consumer to another database.
func (b rebuilding) undisturbed(ctx context.Context) (contest.Sample, error) {
	end, err := b.rig.End(ctx, b.topic)
	if err != nil {
		return nil, err
	}
	a := applying{Options: b.Options, rig: b.rig, topic: b.topic}
	a.Records = end
	sample, err := a.ours(ctx)
	if err == nil {
		sample["seconds"] = float64(end) / sample[contest.Rate]
	}
	return sample, err
}

// truncated empties the table and begins a new group, as docs/operating.md tells people to.
func (b rebuilding) truncated(ctx context.Context) (contest.Sample, error) {
	return b.disturbed(ctx, func(ctx context.Context) (*rig.Process, string, error) {
		if _, err := b.db.Super.Exec(ctx, `TRUNCATE `+table); err != nil {
			return nil, "", err
		}
		return b.rig.Consumer(ctx, "", b.db, b.topic)
	})
}

// dropped loses the database; the consumer that runs makes it anew.
func (b rebuilding) dropped(ctx context.Context) (contest.Sample, error) {
	return b.disturbed(ctx, func(ctx context.Context) (*rig.Process, string, error) {
		return nil, b.group, b.rig.Lose(ctx, b.db)
	})
}

// disturbed loses the read model while live commands come, and measures until everything that was there is back.
func (b rebuilding) disturbed(ctx context.Context, lose func(context.Context) (*rig.Process, string, error)) (sample contest.Sample, err error) {
	before, err := b.live(ctx, b.Lasts)
	if err != nil {
		return nil, err
	}
	end, err := b.rig.End(ctx, b.topic)
	if err != nil {
		return nil, err
	}
	type outcome struct {
		result load.Result
		err    error
	}
	during, stop := context.WithCancel(ctx)
	defer stop()
	tickets := make(chan outcome, 1)
	go func() {
		result, err := b.liveUntil(during)
		tickets <- outcome{result, err}
	}()
	began, filler := time.Now(), b.consumer
	further, group, err := lose(ctx)
	if err != nil {
		return nil, err
	}
	if further != nil {
		filler = further
		defer func() { err = errors.Join(err, b.rig.Forget(further)) }()
	}
	meter := b.rig.Meter(filler)
	again := b
	again.group = group
	if err := again.caughtUp(ctx, b.db, end); err != nil {
		return nil, err
	}
	took := time.Since(began)
	stop()
	seen := <-tickets
	if seen.err != nil {
		return nil, seen.err
	}
	if n, err := b.db.Number(ctx, `SELECT count(*) FROM `+table); err != nil || n < end {
		return nil, fmt.Errorf("there are %d rows of %d: %w", n, end, err)
	}
	sample = contest.Sample{
		"seconds": took.Seconds(), contest.Rate: float64(end) / took.Seconds(),
		"live_p99_before": before.Quantile(99), "live_p99_during": seen.result.Quantile(99), contest.Errors: float64(seen.result.Errors),
	}
	return sample, meter.Add(sample, end)
}

// live sends commands for a while.
func (b rebuilding) live(ctx context.Context, lasts time.Duration) (load.Result, error) {
	crowd := load.NewCrowd(b.command.Address("http"), 64)
	defer crowd.Close()
	return crowd.Open(ctx, lasts, liveRate, post)
}

// liveUntil sends commands until ctx ends, which is no error.
func (b rebuilding) liveUntil(ctx context.Context) (load.Result, error) {
	result, err := b.live(ctx, time.Hour)
	if errors.Is(err, context.Canceled) && result.Calls > 0 {
		err = nil
	}
	return result, err
}
