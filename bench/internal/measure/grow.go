package measure

import (
	"context"
	"errors"
	"fmt"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// Grow measures how costs grow with what causes them.
func Grow(ctx context.Context, r *rig.Rig, o Options) ([]contest.Curve, error) {
	g := growing{o, r}
	var curves []contest.Curve
	for _, curve := range []func(context.Context) (contest.Curve, error){g.rows, g.partitions, g.consumers, g.payload, g.models} {
		c, err := curve(ctx)
		if err != nil {
			return curves, fmt.Errorf("%s: %w", c.ID, err)
		}
		curves = append(curves, c)
	}
	return curves, nil
}

// growing is what the curves have in common.
type growing struct {
	Options
	rig *rig.Rig
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

// points measures every x in each round.
func points[T int | int64](g growing, xs []T, names []string, measure func(x T) ([]float64, error)) ([]contest.Line, error) {
	lines := make([]contest.Line, len(names))
	for i, name := range names {
		lines[i] = contest.Line{Name: name, Points: make([]contest.Point, len(xs))}
	}
	for round := range g.Rounds {
		for at := range xs {
			if round%2 == 1 {
				at = len(xs) - 1 - at // backwards, so that a mood of the machine is no slope
			}
			values, err := measure(xs[at])
			if err != nil {
				return lines, fmt.Errorf("at %d: %w", xs[at], err)
			}
			g.Say("round %d of %d, at %d: %.3g", round+1, g.Rounds, xs[at], values)
			for i, value := range values {
				lines[i].Points[at].X = float64(xs[at])
				lines[i].Points[at].Values = append(lines[i].Points[at].Values, value)
			}
		}
	}
	return lines, nil
}

// batch is how many commands are applied at a point.
func (g growing) batch() int64 { return max(10_000, g.Records/4) }

// rows grows the table that is applied to and read from.
func (g growing) rows(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{ID: "grow-rows", Title: "Rows in the table", X: "rows before", Y: "Microseconds"}
	topic, err := g.topic(ctx, partitions, rig.Commands(g.batch()))
	if err != nil {
		return c, err
	}
	sizes := some(g.Options, g.Records/10, g.Records, 10*g.Records)
	names := []string{"apply, per row", "read by id, per request at 64 connections", "read by id, p50 latency"}
	c.Lines, err = points(g, sizes, names, func(size int64) (values []float64, err error) {
		a := applying{Options: g.Options, rig: g.rig, topic: topic}
		a.Records = g.batch()
		_, err = a.withTable(ctx, func(db *rig.Database) (contest.Sample, error) {
			if err := fill(ctx, db, size); err != nil {
				return nil, err
			}
			read, err := g.read(ctx, db, size)
			if err != nil {
				return nil, err
			}
			applied, err := a.consume(ctx, db)
			values = []float64{micros(applied[contest.Rate]), micros(read[contest.Rate]), 1000 * read[contest.P50]}
			return nil, err
		})
		return values, err
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
	return g.closed(g.rig, query, readers, get(rows))(ctx)
}

// partitions grows the number of partitions at the same number of commands.
func (g growing) partitions(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{ID: "grow-partitions", Title: "Partitions", X: "partitions", Y: "Microseconds per row applied"}
	c.Lines, err = points(g, some(g.Options, 1, 2, 6, 12, 24), []string{"one consumer"}, func(n int) ([]float64, error) {
		topic, err := g.topic(ctx, n, rig.Commands(g.batch()))
		if err != nil {
			return nil, err
		}
		return g.apply(ctx, applying{Options: g.Options, rig: g.rig, topic: topic}, g.batch())
	})
	return c, err
}

// consumers grows the number of processes of a group.
func (g growing) consumers(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{ID: "grow-consumers", Title: "Consumers of one group, 6 partitions, on the same machine", X: "processes", Y: "Microseconds per row applied"}
	topic, err := g.topic(ctx, partitions, rig.Commands(g.batch()))
	if err != nil {
		return c, err
	}
	c.Lines, err = points(g, some(g.Options, 1, 2, 4), []string{"together"}, func(n int) ([]float64, error) {
		return g.apply(ctx, applying{Options: g.Options, rig: g.rig, topic: topic, helpers: n - 1}, g.batch())
	})
	return c, err
}

// payload grows the commands by a field that the read model does not take.
func (g growing) payload(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{ID: "grow-payload", Title: "Bytes of a command", X: "bytes beyond the usual 110", Y: "Microseconds"}
	c.Lines, err = points(g, some(g.Options, 1, 1000, 10_000, 100_000), []string{"per row applied", "per 10 kB applied"}, func(bytes int) ([]float64, error) {
		records := min(g.batch(), 200<<20/int64(bytes+110))
		topic, err := g.topic(ctx, partitions, rig.Filling{Records: records, Padding: bytes})
		if err != nil {
			return nil, err
		}
		values, err := g.apply(ctx, applying{Options: g.Options, rig: g.rig, topic: topic}, records)
		if err != nil {
			return nil, err
		}
		return append(values, values[0]*10_000/float64(bytes+110)), nil
	})
	return c, err
}

// models grows the number of read models that are kept from the same topic, as versions beside each other are.
func (g growing) models(ctx context.Context) (c contest.Curve, err error) {
	c = contest.Curve{ID: "grow-models", Title: "Read models of one topic at once", X: "read models", Y: "Microseconds per row, all together"}
	topic, err := g.topic(ctx, partitions, rig.Commands(g.batch()))
	if err != nil {
		return c, err
	}
	c.Lines, err = points(g, some(g.Options, 1, 2, 4), []string{"one consumer"}, func(n int) ([]float64, error) {
		return g.apply(ctx, applying{Options: g.Options, rig: g.rig, topic: topic, models: n}, g.batch())
	})
	return c, err
}

// apply returns the microseconds that each command takes.
func (g growing) apply(ctx context.Context, a applying, records int64) ([]float64, error) {
	a.Records = records
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
