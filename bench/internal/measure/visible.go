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

// Visible measures POST → seen by a waiting GET, at steady rates, and the same by the tutorial's programs, whose client can
// only ask again and again.
func Visible(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	var contests []contest.Contest
	for _, rate := range o.visibleRates() {
		contests = append(contests, contest.Contest{
			ID: fmt.Sprintf("visible-%.0f", rate), Title: fmt.Sprintf("POST → seen by a GET, open loop, %.0f commands a second", rate), Target: true,
		})
	}
	var stacks []stack
	defer func() {
		for _, s := range stacks {
			err = errors.Join(err, s.stop(context.WithoutCancel(ctx)))
		}
	}()
	for _, revision := range o.revisions() {
		topic, err := r.Topic(ctx, "stack", partitions)
		if err != nil {
			return nil, err
		}
		s, err := startStack(ctx, r, revision, topic)
		stacks = append(stacks, s)
		if err != nil {
			return nil, err
		}
		if err := awaitReady(ctx, s.consumer); err != nil {
			return nil, err
		}
		for i, rate := range o.visibleRates() {
			contests[i].Contestants = append(contests[i].Contestants, contest.Contestant{
				Name: called("Counterfoil", revision), Note: "all three services as shipped; the GET waits", Run: func(ctx context.Context) (contest.Sample, error) {
					return o.seen(ctx, s, rate, waits)
				},
			})
		}
	}
	tutorial, err := startTutorial(ctx, r)
	stacks = append(stacks, tutorial)
	if err != nil {
		return nil, err
	}
	contests[0].Contestants = append(contests[0].Contestants, contest.Contestant{
		Name: "tutorial, polled each ms", Note: "SyncProducer with its defaults, one INSERT for each record, one query for each GET, which is repeated after a millisecond",
		Run: func(ctx context.Context) (contest.Sample, error) {
			return o.seen(ctx, tutorial, o.visibleRates()[0], polls)
		},
	})
	if err := o.warmUp(ctx, stacks[0]); err != nil {
		return nil, err
	}
	return o.runAll(ctx, contests...)
}

// warmUp keeps everybody busy before the first turn: for most of a minute, what compiles a young broker's code takes a third
// of a core, which at 2000 commands a second nobody has to spare.
func (o Options) warmUp(ctx context.Context, s stack) error {
	if o.Quick {
		return nil
	}
	o.Lasts = 40 * time.Second
	o.Say("%s at 2000 commands a second, so that the broker is warm", o.Lasts)
	_, err := o.seen(ctx, s, 2000, waits)
	return err
}

func (o Options) visibleRates() []float64 {
	if o.Quick {
		return []float64{100}
	}
	return []float64{100, 2000}
}

// stack is all three services, or a peer's.
type stack struct {
	rig                      *rig.Rig
	db                       *rig.Database
	command, consumer, query *rig.Process
	topic, group             string
}

// startStack starts the services as they were at a revision. The consumer-service is the last: what the topic holds, it
// begins to apply as this returns.
func startStack(ctx context.Context, r *rig.Rig, revision, topic string) (s stack, err error) {
	s.rig, s.topic = r, topic
	broker, err := r.Broker(ctx)
	if err != nil {
		return s, err
	}
	if s.db, err = r.Database(ctx, "stack"); err != nil {
		return s, err
	}
	if err := r.Prepare(ctx, s.db); err != nil {
		return s, err
	}
	if s.command, err = r.ServiceAt(ctx, revision, "command-service", "KAFKA_BROKER="+broker, "KAFKA_PUBLISH_TOPIC="+topic); err != nil {
		return s, err
	}
	if s.query, err = r.ServiceAt(ctx, revision, "query-service", "DB_URL="+s.db.ReaderURL); err != nil {
		return s, err
	}
	if err := errors.Join(awaitReady(ctx, s.command), awaitReady(ctx, s.query)); err != nil {
		return s, err
	}
	s.consumer, s.group, err = r.Consumer(ctx, revision, s.db, topic)
	return s, err
}

// startTutorial starts what people write after the tutorials.
func startTutorial(ctx context.Context, r *rig.Rig) (s stack, err error) {
	s.rig = r
	broker, err := r.Broker(ctx)
	if err != nil {
		return s, err
	}
	if s.topic, err = r.Topic(ctx, "tutorial", partitions); err != nil {
		return s, err
	}
	if s.db, err = r.Database(ctx, "tutorial"); err != nil {
		return s, err
	}
	if err := r.Prepare(ctx, s.db); err != nil {
		return s, err
	}
	kafka := []string{"--broker", broker, "--topic", s.topic}
	if s.command, err = r.Peer(ctx, "tutorial", kafka...); err != nil {
		return s, err
	}
	if s.consumer, err = r.Peer(ctx, "insert-one", append(kafka, "--group", r.Name("peer-"), "--db", s.db.WriterURL)...); err != nil {
		return s, err
	}
	s.query, err = r.Peer(ctx, "one-query", "--db", s.db.ReaderURL)
	return s, err
}

func (s stack) stop(ctx context.Context) error {
	var errs []error
	for _, p := range []*rig.Process{s.command, s.consumer, s.query} {
		if p != nil {
			errs = append(errs, s.rig.Forget(p))
		}
	}
	if s.db != nil {
		errs = append(errs, s.rig.Drop(ctx, s.db))
	}
	return errors.Join(errs...)
}

// waits asks for a row by one GET that waits for it.
func waits(c *load.Caller, id string) error {
	c.Request.SetRequestURI("http://query/api/v1/timestamp/" + id + "?wait=10s")
	if err := c.Do(); err != nil {
		return err
	}
	return load.Want(c.Response, 200)
}

// polls asks for a row until it is there, with a millisecond between an answer and the next question.
func polls(c *load.Caller, id string) error {
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		c.Request.SetRequestURI("http://query/api/v1/timestamp/" + id)
		if err := c.Do(); err != nil {
			return err
		}
		if c.Response.StatusCode() != 404 || time.Since(began) > 10*time.Second {
			return load.Want(c.Response, 200)
		}
	}
}

// seen measures one turn at a rate: from when a POST was due until a GET found its row.
func (o Options) seen(ctx context.Context, s stack, rate float64, find func(c *load.Caller, id string) error) (contest.Sample, error) {
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
		return find(seekers.Caller(c.Number), id)
	}
	services := map[string]*rig.Process{"command": s.command, "consumer": s.consumer, "query": s.query}
	sample, err := o.loaded(func() *rig.Meter { return s.rig.MeterAll(services) }, func(lasts time.Duration) (load.Result, error) {
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
