// Package measure holds what is measured: one file for each question, each of which returns tables to compare
// contestants, or curves of how a cost grows.
package measure

import (
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
	Contests    string        // only contests whose id holds this
	Say         func(format string, args ...any)
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

// loaded measures a server under load: warm, then for its turn.
func (o Options) loaded(ctx context.Context, r *rig.Rig, server *rig.Process, crowd *load.Crowd, run func(lasts time.Duration) (load.Result, error)) (contest.Sample, error) {
	if _, err := run(o.warm()); err != nil {
		return nil, err
	}
	meter := r.Meter(server)
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
		return o.loaded(ctx, r, server, crowd, func(lasts time.Duration) (load.Result, error) {
			return crowd.Closed(ctx, lasts, call)
		})
	}
}

// open returns the turn of a server under an open loop.
func (o Options) open(r *rig.Rig, server *rig.Process, perSecond float64, call load.Call) func(context.Context) (contest.Sample, error) {
	return func(ctx context.Context) (contest.Sample, error) {
		crowd := load.NewCrowd(server.Address("http"), 256)
		defer crowd.Close()
		return o.loaded(ctx, r, server, crowd, func(lasts time.Duration) (load.Result, error) {
			return crowd.Open(ctx, lasts, perSecond, call)
		})
	}
}

// wants reports whether a contestant is to be measured.
func (o Options) wants(name string) bool {
	return len(o.Contestants) == 0 || slices.ContainsFunc(o.Contestants, func(begin string) bool { return strings.HasPrefix(name, begin) })
}

// runAll runs the contests one after the other.
func (o Options) runAll(ctx context.Context, contests ...contest.Contest) ([]contest.Table, error) {
	var tables []contest.Table
	for _, c := range contests {
		if !strings.Contains(c.ID, o.Contests) {
			continue
		}
		c.Contestants = slices.DeleteFunc(c.Contestants, func(one contest.Contestant) bool { return !o.wants(one.Name) })
		table, err := c.Run(ctx, o.Rounds, o.Say)
		tables = append(tables, table)
		if err != nil {
			return tables, err
		}
	}
	return tables, nil
}
