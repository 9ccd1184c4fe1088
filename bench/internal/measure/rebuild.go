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

// Rebuild measures how long it takes until a lost read model is back, and what live commands notice of it: for Records
// commands, and once for ten times as many. Before a deadline the large one has the turns for which there is time by what
// the small one took.
func Rebuild(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	large := o
	large.Records, large.Rounds, large.Deadline = 10*o.Records, 1, time.Time{}
	turns, note := 3, ""
	if o.Quick || !o.asks(rebuildID(large.Records)) {
		turns = 0
	}
	if o.asks(rebuildID(o.Records)) {
		small := o
		if turns > 0 && !o.Deadline.IsZero() {
			small.Deadline = time.Now().Add(time.Until(o.Deadline) / 3)
		}
		found, err := small.rebuild(ctx, r, 3)
		tables = append(tables, found...)
		if err != nil {
			return tables, err
		}
		if turns > 0 && !o.Deadline.IsZero() {
			turns, note = fitting(found[0], time.Until(o.Deadline))
			tables[0].Note = note
		}
	}
	if turns == 0 {
		return tables, nil
	}
	found, err := large.rebuild(ctx, r, turns)
	return append(tables, found...), err
}

// fitting returns how many turns with ten times the commands there is time for, two or three or none, and what is left out.
func fitting(small contest.Table, left time.Duration) (turns int, note string) {
	var needed time.Duration
	for i, row := range small.Rows {
		took, ok := row.Spread("seconds")
		if !ok {
			return 0, "Ten times as many were left out, because one of these turns failed."
		}
		needed += time.Duration(13 * took.Median * float64(time.Second)) // ten times, and writing the commands
		if needed > left {
			break
		}
		turns = i + 1
	}
	switch {
	case turns < 2:
		return 0, fmt.Sprintf("Ten times as many were left out: there were %s for it.", left.Round(time.Second))
	case turns < len(small.Rows):
		return turns, fmt.Sprintf("Of ten times as many, *%s* was left out: there were %s for all.", small.Rows[turns].Name, left.Round(time.Second))
	}
	return turns, ""
}

func rebuildID(commands int64) string { return fmt.Sprintf("rebuild-%d", commands) }

// rebuilding is a stack with a full read model.
type rebuilding struct {
	Options
	rig *rig.Rig
	stack

	first contest.Sample // how the stack's own consumer filled it; nil once it was taken
}

// rebuild measures the first so many turns.
func (o Options) rebuild(ctx context.Context, r *rig.Rig, turns int) (tables []contest.Table, err error) {
	topic, err := r.Topic(ctx, "rebuild", partitions)
	if err != nil {
		return nil, err
	}
	o.Say("writing %d commands to a topic, and applying them", o.Records)
	if err := r.Fill(ctx, topic, rig.Commands(o.Records)); err != nil {
		return nil, err
	}
	b := &rebuilding{Options: o, rig: r}
	b.stack, err = startStack(ctx, r, "", topic)
	defer func() { err = errors.Join(err, b.stop(context.WithoutCancel(ctx))) }()
	if err != nil {
		return nil, err
	}
	b.first, err = applying{Options: o, rig: r, topic: topic}.watch(ctx, b.consumer, o.Records, 15*time.Minute, 20*time.Millisecond, func(ctx context.Context) (int64, error) {
		return b.db.Applied(ctx, b.group, topic)
	})
	if err != nil {
		return nil, err
	}
	b.first["seconds"] = float64(o.Records) / b.first[contest.Rate]
	c := contest.Contest{
		ID: rebuildID(o.Records), Title: fmt.Sprintf("The read model of %d commands is lost and comes back, %d live commands a second", o.Records, liveRate),
		Baseline: "nothing else to do",
		Contestants: []contest.Contestant{
			{Name: "nothing else to do", Note: "the same commands, empty database, no live commands: the apply rate", Run: b.undisturbed},
			{Name: "new group, TRUNCATE", Note: "the table is emptied and a new group begins at offset 0", Run: b.truncated},
			{Name: "empty database", Note: "the database is dropped under a consumer that runs", Run: b.dropped},
		},
	}
	c.Contestants = c.Contestants[:turns]
	return o.runAll(ctx, c)
}

// caughtUp waits until a group has applied at least n of the records that the topic holds.
func (b *rebuilding) caughtUp(ctx context.Context, group string, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	return rig.Until(ctx, 50*time.Millisecond, func(ctx context.Context) (bool, error) {
		applied, err := b.db.Applied(ctx, group, b.topic)
		if err != nil {
			return false, nil // a database that is being dropped cannot say
		}
		return applied >= n, nil
	})
}

// undisturbed applies the topic by another consumer to another database.
func (b *rebuilding) undisturbed(ctx context.Context) (contest.Sample, error) {
	if first := b.first; first != nil {
		b.first = nil
		return first, nil
	}
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
func (b *rebuilding) truncated(ctx context.Context) (contest.Sample, error) {
	return b.disturbed(ctx, func(ctx context.Context) (*rig.Process, string, error) {
		if _, err := b.db.Super.Exec(ctx, `TRUNCATE `+table); err != nil {
			return nil, "", err
		}
		return b.rig.Consumer(ctx, "", b.db, b.topic)
	})
}

// dropped loses the database; the consumer that runs makes it anew.
func (b *rebuilding) dropped(ctx context.Context) (contest.Sample, error) {
	return b.disturbed(ctx, func(ctx context.Context) (*rig.Process, string, error) {
		return nil, b.group, b.rig.Lose(ctx, b.db)
	})
}

// disturbed loses the read model while live commands come, and measures until everything that was there is back.
func (b *rebuilding) disturbed(ctx context.Context, lose func(context.Context) (*rig.Process, string, error)) (sample contest.Sample, err error) {
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
	if err := b.caughtUp(ctx, group, end); err != nil {
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
func (b *rebuilding) live(ctx context.Context, lasts time.Duration) (load.Result, error) {
	crowd := load.NewCrowd(b.command.Address("http"), 64)
	defer crowd.Close()
	return crowd.Open(ctx, lasts, liveRate, post)
}

// liveUntil sends commands until ctx ends, which is no error.
func (b *rebuilding) liveUntil(ctx context.Context) (load.Result, error) {
	result, err := b.live(ctx, time.Hour)
	if errors.Is(err, context.Canceled) && result.Calls > 0 {
		err = nil
	}
	return result, err
}
