package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// Visible measures POST → seen by a waiting GET, at steady rates.
func Visible(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	s, err := o.startStack(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(context.WithoutCancel(ctx))) }()
	rates := []float64{100, 2000}
	if o.Quick {
		rates = []float64{100}
	}
	c := contest.Contest{ID: "visible", Title: "POST → seen by a GET that waits, open loop"}
	for _, rate := range rates {
		c.Contestants = append(c.Contestants, contest.Contestant{
			Name: fmt.Sprintf("%.0f commands a second", rate), Run: func(ctx context.Context) (contest.Sample, error) { return o.seen(ctx, s, rate) },
		})
	}
	return o.runAll(ctx, c)
}

// stack is all three services.
type stack struct {
	rig                      *rig.Rig
	db                       *rig.Database
	command, consumer, query *rig.Process
	topic, group             string
}

func (o Options) startStack(ctx context.Context, r *rig.Rig) (s stack, err error) {
	broker, err := r.Broker(ctx)
	if err != nil {
		return s, err
	}
	s.rig = r
	if s.topic, err = r.Topic(ctx, "stack", partitions); err != nil {
		return s, err
	}
	if s.db, err = r.Database(ctx, "stack"); err != nil {
		return s, err
	}
	if s.command, err = r.Service(ctx, "command-service", "KAFKA_BROKER="+broker, "KAFKA_PUBLISH_TOPIC="+s.topic); err != nil {
		return s, err
	}
	if s.consumer, s.group, err = r.Consumer(ctx, "", s.db, s.topic); err != nil {
		return s, err
	}
	if s.query, err = r.Service(ctx, "query-service", "DB_URL="+s.db.ReaderURL); err != nil {
		return s, err
	}
	return s, errors.Join(awaitReady(ctx, s.command), awaitReady(ctx, s.consumer), awaitReady(ctx, s.query))
}

func (s stack) stop(ctx context.Context) error {
	return errors.Join(s.rig.Forget(s.command), s.rig.Forget(s.consumer), s.rig.Forget(s.query), s.rig.Drop(ctx, s.db))
}

// seen measures one turn at a rate.
func (o Options) seen(ctx context.Context, s stack, rate float64) (contest.Sample, error) {
	const connections = 256
	writers, seekers := load.NewCrowd(s.command.Address("http"), connections), load.NewCrowd(s.query.Address("http"), connections)
	defer writers.Close()
	defer seekers.Close()
	tickets := make([]*hdrhistogram.Histogram, connections)
	call := func(c *load.Caller, n uint64) error {
		began := time.Now()
		if err := post(c, n); err != nil {
			return err
		}
		if err := tickets[c.Number].RecordValue(max(1, time.Since(began).Microseconds())); err != nil {
			return err
		}
		id, err := idIn(c.Response.Body())
		if err != nil {
			return err
		}
		seeker := seekers.Caller(c.Number)
		seeker.Request.SetRequestURI("http://query/api/v1/timestamp/" + id + "?wait=10s")
		if err := seeker.Do(); err != nil {
			return err
		}
		return load.Want(seeker.Response, 200)
	}
	sample, err := o.loaded(ctx, s.rig, s.consumer, writers, func(lasts time.Duration) (load.Result, error) {
		for i := range tickets {
			tickets[i] = hdrhistogram.New(1, (2 * load.Patience).Microseconds(), 3)
		}
		return writers.Open(ctx, lasts, rate, call)
	})
	if err != nil {
		return nil, err
	}
	for _, more := range tickets[1:] {
		tickets[0].Merge(more)
	}
	sample["ack_p50"] = float64(tickets[0].ValueAtQuantile(50)) / 1000
	sample["ack_p99"] = float64(tickets[0].ValueAtQuantile(99)) / 1000
	return sample, nil
}
