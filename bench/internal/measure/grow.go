package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// Grow measures how costs grow with what causes them. A curve that fails says so, and the others go on.
func Grow(ctx context.Context, r *rig.Rig, o Options) (curves []contest.Curve, err error) {
	all := []curve{
		{"grow-rows", growing.rows, 5}, {"grow-partitions", growing.partitions, 4}, {"grow-consumers", growing.consumers, 2},
		{"grow-payload", growing.payload, 4}, {"grow-versions", growing.versions, 4},
	}
	all = slices.DeleteFunc(all, func(c curve) bool { return !o.asks(c.id) })
	for i, c := range all {
		var parts []int
		for _, left := range all[i:] {
			parts = append(parts, left.part)
		}
		found, err := c.measure(growing{Options: o, rig: r, pace: o.pace(parts...)}, ctx)
		if ctx.Err() != nil {
			return curves, ctx.Err()
		}
		found.ID = c.id
		if err != nil {
			found.Failed = err.Error()
			o.Say("%s: failed: %v", c.id, err)
		}
		curves = append(curves, found)
	}
	return curves, nil
}

// curve is one of what is measured.
type curve struct {
	id      string
	measure func(growing, context.Context) (contest.Curve, error)
	part    int // of the time, beside the others'
}

// growing is what the curves have in common.
type growing struct {
	Options
	rig  *rig.Rig
	pace contest.Pace
}

// some returns the first two of the values where it is only to be seen that it runs.
func some[T any](o Options, values ...T) []T {
	if o.Quick {
		return values[:2]
	}
	return values
}

// micros returns what one of them takes at that rate.
func micros(perSecond float64) float64 { return 1e6 / perSecond }

// cpuMicros returns the CPU time of the service and PostgreSQL for one of them: seconds for a thousand are milliseconds for one.
func cpuMicros(s contest.Sample) float64 {
	return 1000 * (s[contest.CPU("service")] + s[contest.CPU("postgres")])
}

// points measures every x in each round.
func points[T int | int64](g growing, xs []T, names []string, measure func(x T) ([]float64, error)) ([]contest.Line, error) {
	lines := make([]contest.Line, len(names))
	for i, name := range names {
		lines[i] = contest.Line{Name: name, Points: make([]contest.Point, len(xs))}
	}
	took := time.Duration(0)
	for round := 0; g.pace.Another(round, took, false); round++ {
		began := time.Now()
		for at := range xs {
			if round%2 == 1 {
				at = len(xs) - 1 - at // backwards, so that a mood of the machine is no slope
			}
			values, err := measure(xs[at])
			if err != nil {
				return lines, fmt.Errorf("at %d: %w", xs[at], err)
			}
			g.Say("round %d, at %d: %.3g", round+1, xs[at], values)
			for i, value := range values {
				lines[i].Points[at].X = float64(xs[at])
				lines[i].Points[at].Values = append(lines[i].Points[at].Values, value)
			}
		}
		took = time.Since(began)
	}
	return lines, nil
}

// share returns, for each round, what the first x costs by what each x costs: 1 where the cost does not grow.
func share(l contest.Line, name string) contest.Line {
	of := contest.Line{Name: name, Aside: true}
	for _, p := range l.Points {
		q := contest.Point{X: p.X}
		for round, value := range p.Values {
			q.Values = append(q.Values, l.Points[0].Values[round]/value)
		}
		of.Points = append(of.Points, q)
	}
	return of
}

// batch is how many commands are applied at a point.
func (g growing) batch() int64 { return max(10_000, g.Records/4) }

// rows grows the table that is applied to and read from. Each table is filled once; each turn has a copy.
func (g growing) rows(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{Title: "Rows in the table", X: "rows before", Y: "Microseconds"}
	topic, err := g.topic(ctx, partitions, rig.Commands(g.batch()))
	if err != nil {
		return c, err
	}
	sizes := some(g.Options, g.Records/10, g.Records, 10*g.Records)
	tables := map[int64]*rig.Database{}
	defer func() {
		for _, db := range tables {
			err = errors.Join(err, g.rig.Drop(context.WithoutCancel(ctx), db))
		}
	}()
	for _, size := range sizes {
		if tables[size], err = g.rig.Database(ctx, "grow"); err != nil {
			return c, err
		}
		g.Say("filling a table with %d rows", size)
		if err := errors.Join(g.rig.Prepare(ctx, tables[size]), fill(ctx, tables[size], size)); err != nil {
			return c, err
		}
	}
	names := []string{
		"apply, per row", "apply, CPU of consumer-service and PostgreSQL", "read by id, per request at 64 connections",
		"read by id, CPU of query-service and PostgreSQL", "read by id, p50 latency",
	}
	c.Lines, err = points(g, sizes, names, func(size int64) ([]float64, error) {
		return onCopy(ctx, g.rig, tables[size], func(db *rig.Database) ([]float64, error) {
			read, err := g.read(ctx, db, size)
			if err != nil {
				return nil, err
			}
			applied, err := g.applying(topic, g.batch()).consume(ctx, db)
			return []float64{micros(applied[contest.Rate]), cpuMicros(applied), micros(read[contest.Rate]), cpuMicros(read), 1000 * read[contest.P50]}, err
		})
	})
	return c, err
}

// read reads by id.
func (g growing) read(ctx context.Context, db *rig.Database, rows int64) (sample contest.Sample, err error) {
	query, err := g.rig.Service(ctx, "query-service", "DB_URL="+db.ReaderURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.rig.Forget(query)) }()
	if err := awaitReady(ctx, query); err != nil {
		return nil, err
	}
	return g.minor().closed(g.rig, query, readers, get(rows))(ctx)
}

// partitions grows the number of partitions at the same number of commands.
func (g growing) partitions(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{Title: "Partitions", X: "partitions", Y: "Microseconds per row applied"}
	topics := map[int]string{}
	c.Lines, err = points(g, some(g.Options, 1, 2, 6, 12, 24), []string{"one consumer"}, func(n int) (_ []float64, err error) {
		if topics[n] == "" {
			if topics[n], err = g.topic(ctx, n, rig.Commands(g.batch())); err != nil {
				return nil, err
			}
		}
		return g.apply(ctx, g.applying(topics[n], g.batch()))
	})
	return c, err
}

// consumers grows the number of processes of a group.
func (g growing) consumers(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{Title: "Consumers of one group, 6 partitions, on the same machine", X: "processes", Y: "Microseconds per row applied"}
	topic, err := g.topic(ctx, partitions, rig.Commands(g.batch()))
	if err != nil {
		return c, err
	}
	c.Lines, err = points(g, some(g.Options, 1, 2, 4), []string{"together"}, func(n int) ([]float64, error) {
		a := g.applying(topic, g.batch())
		a.helpers = n - 1
		return g.apply(ctx, a)
	})
	return c, err
}

// usual is how many bytes a command has.
const usual = 110

// payload grows the commands by a field that the read model does not take.
func (g growing) payload(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{Title: "Bytes of a command", X: fmt.Sprintf("bytes beyond the usual %d", usual), Y: "Microseconds"}
	topics := map[int]string{}
	c.Lines, err = points(g, some(g.Options, 1, 1000, 10_000, 100_000), []string{"per row applied", "per 10 kB applied"}, func(bytes int) (_ []float64, err error) {
		records := min(g.batch(), 200<<20/int64(bytes+usual))
		if topics[bytes] == "" {
			if topics[bytes], err = g.topic(ctx, partitions, rig.Filling{Records: records, Padding: bytes}); err != nil {
				return nil, err
			}
		}
		values, err := g.apply(ctx, g.applying(topics[bytes], records))
		if err != nil {
			return nil, err
		}
		return append(values, values[0]*10_000/float64(bytes+usual)), nil
	})
	return c, err
}

// versions grows the number of versions of a read model that one consumer-service keeps current.
func (g growing) versions(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{Title: "Versions of a read model at once", X: "versions", Y: "Microseconds per row of a version"}
	topic, err := g.rig.Topic(ctx, "grow", partitions)
	if err != nil {
		return c, err
	}
	counts := some(g.Options, 1, 2, 4)
	databases := map[int]*rig.Database{}
	defer func() {
		for _, db := range databases {
			err = errors.Join(err, g.rig.Drop(context.WithoutCancel(ctx), db))
		}
	}()
	for _, n := range counts {
		if databases[n], err = g.rig.Database(ctx, "versions"); err != nil {
			return c, err
		}
		if err := g.rig.Versions(ctx, databases[n], topic, n); err != nil {
			return c, err
		}
	}
	if err := g.rig.Fill(ctx, topic, rig.Commands(g.batch())); err != nil {
		return c, err
	}
	c.Lines, err = points(g, counts, []string{"time", "CPU of consumer-service and PostgreSQL"}, func(n int) ([]float64, error) {
		return onCopy(ctx, g.rig, databases[n], func(db *rig.Database) ([]float64, error) {
			a := g.applying(topic, g.batch())
			a.versions = n
			sample, err := a.consume(ctx, db)
			return []float64{micros(sample[contest.Rate]), cpuMicros(sample)}, err
		})
	})
	if err == nil {
		c.Lines = append(c.Lines, share(c.Lines[0], "of one alone, by time"), share(c.Lines[1], "of one alone, by CPU"))
	}
	return c, err
}

// applying returns what applies a topic of that many commands.
func (g growing) applying(topic string, records int64) applying {
	a := applying{Options: g.Options, rig: g.rig, topic: topic}
	a.Records = records
	return a
}

// apply returns the microseconds that each command takes with an empty database.
func (g growing) apply(ctx context.Context, a applying) ([]float64, error) {
	sample, err := a.ours(ctx)
	if err != nil {
		return nil, err
	}
	return []float64{micros(sample[contest.Rate])}, nil
}

func (g growing) topic(ctx context.Context, partitions int, f rig.Filling) (string, error) {
	topic, err := g.rig.Topic(ctx, "grow", partitions)
	if err != nil {
		return "", err
	}
	return topic, g.rig.Fill(ctx, topic, f)
}
