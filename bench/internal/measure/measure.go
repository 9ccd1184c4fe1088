// Package measure holds what is measured: one file for each question, each of which returns tables to compare
// contestants, or curves of how a cost grows.
package measure

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// Options say how much is measured.
type Options struct {
	Rounds      int
	Lasts       time.Duration // of one contestant's turn under load
	Records     int64         // of a topic that is applied, and rows of a table that is read
	Quick       bool          // fewest contestants, to see that everything runs
	Contestants []string      // only those whose names begin so; none means all
	Against     string        // a revision whose services are measured beside those of the checkout; "" for none
	Peers       bool          // also those that are downloaded
	Contests    string        // only contests and curves whose id holds this, whole words of it
	Deadline    time.Time     // when the last round should have ended; zero for whenever Rounds are done
	Say         func(format string, args ...any)
}

// minor returns the options for what has no target: half as long a turn.
func (o Options) minor() Options {
	o.Lasts = max(o.Lasts/2, min(o.Lasts, time.Second))
	return o
}

// revisions returns the revisions whose services are measured; "" is what the checkout holds.
func (o Options) revisions() []string {
	if o.Against == "" {
		return []string{""}
	}
	return []string{"", o.Against}
}

// called names a service in a table.
func called(service, revision string) string {
	if revision == "" {
		return service
	}
	return service + " at " + revision
}

// warm is how long a contestant runs before it is measured.
func (o Options) warm() time.Duration { return min(2*time.Second, o.Lasts/3) }

// partitions of the topics: what the command-service creates.
const partitions = 6

// loaded measures servers under load: warm, then for their turn.
func (o Options) loaded(begin func() *rig.Meter, run func(lasts time.Duration) (load.Result, error)) (contest.Sample, error) {
	if _, err := run(o.warm()); err != nil {
		return nil, err
	}
	meter := begin()
	result, err := run(o.Lasts)
	if err != nil {
		return nil, err
	}
	sample := contest.Sample{
		contest.Rate: result.Rate(), contest.P50: result.Quantile(50), contest.P99: result.Quantile(99),
		contest.P999: result.Quantile(99.9), contest.Errors: float64(result.Errors),
	}
	if result.First != nil {
		o.Say("the first of %d errors: %v", result.Errors, result.First)
	}
	return sample, meter.Add(sample, int64(result.Calls))
}

// closed returns the turn of a server under a closed loop.
func (o Options) closed(r *rig.Rig, server *rig.Process, connections int, call load.Call) func(context.Context) (contest.Sample, error) {
	return func(ctx context.Context) (contest.Sample, error) {
		crowd := load.NewCrowd(server.Address("http"), connections)
		defer crowd.Close()
		return o.loaded(func() *rig.Meter { return r.Meter(server) }, func(lasts time.Duration) (load.Result, error) {
			return crowd.Closed(ctx, lasts, call)
		})
	}
}

// open returns the turn of a server under an open loop.
func (o Options) open(r *rig.Rig, server *rig.Process, perSecond float64, call load.Call) func(context.Context) (contest.Sample, error) {
	return func(ctx context.Context) (contest.Sample, error) {
		crowd := load.NewCrowd(server.Address("http"), 256)
		defer crowd.Close()
		return o.loaded(func() *rig.Meter { return r.Meter(server) }, func(lasts time.Duration) (load.Result, error) {
			return crowd.Open(ctx, lasts, perSecond, call)
		})
	}
}

// wants reports whether a contestant is to be measured.
func (o Options) wants(name string) bool {
	return len(o.Contestants) == 0 || slices.ContainsFunc(o.Contestants, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// asks reports whether a contest or curve is to be measured: its id holds what is asked for, as whole words.
func (o Options) asks(id string) bool {
	return o.Contests == "" || strings.Contains("-"+id+"-", "-"+strings.Trim(o.Contests, "-")+"-")
}

// pace returns that of the first of those that are left, of which each gets its part of the time until the deadline.
func (o Options) pace(parts ...int) contest.Pace {
	pace := contest.Pace{Rounds: o.Rounds, Most: 2*o.Rounds - 1}
	if o.Deadline.IsZero() {
		return pace
	}
	all := 0
	for _, part := range parts {
		all += part
	}
	now := time.Now()
	pace.Deadline = now.Add(o.Deadline.Sub(now) * time.Duration(parts[0]) / time.Duration(cmp.Or(all, 1)))
	return pace
}

// runAll runs the contests that are wanted, one after the other. Each contestant has the same part of the time, and twice as
// much where there is a target.
func (o Options) runAll(ctx context.Context, contests ...contest.Contest) ([]contest.Table, error) {
	contests = slices.DeleteFunc(contests, func(c contest.Contest) bool { return !o.asks(c.ID) })
	parts := make([]int, len(contests))
	for i := range contests {
		c := &contests[i]
		c.Contestants = slices.DeleteFunc(c.Contestants, func(one contest.Contestant) bool { return !o.wants(one.Name) })
		parts[i] = len(c.Contestants)
		if c.Target {
			parts[i] *= 2
		}
	}
	var tables []contest.Table
	for i, c := range contests {
		table, err := c.Run(ctx, o.pace(parts[i:]...), o.Say)
		tables = append(tables, table)
		if err != nil {
			return tables, err
		}
	}
	return tables, nil
}

// failing is the turn of a contestant that cannot take it.
func failing(err error) func(context.Context) (contest.Sample, error) {
	return func(context.Context) (contest.Sample, error) { return nil, err }
}
