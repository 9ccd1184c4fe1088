package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// table is the one that records are applied to.
const table = "timestamp_v1.timestamp_records"

// Apply measures a topic of commands → committed rows: into an empty table, into one that has all of them, and with keys
// that grow with time beside keys that do not.
func Apply(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	a, err := o.filled(ctx, r, rig.Commands(o.Records))
	defer func() { err = errors.Join(err, a.templates.drop(context.WithoutCancel(ctx), r)) }()
	if err != nil {
		return nil, err
	}
	limit := fmt.Sprintf("COPY, %d connections", partitions)
	empty := contest.Contest{
		ID: "apply", Title: fmt.Sprintf("%d commands in %d partitions → rows of an empty table", o.Records, partitions), Baseline: limit, Target: true,
		Contestants: append(a.each("consumer-service", "as shipped: rows and checkpoint in one transaction", applying.ours), []contest.Contestant{
			{Name: limit, Note: "the limit: COPY of the same rows into the same table by pgx, no Kafka", Run: a.copied},
			{Name: "tutorial", Note: "sarama's consumer group, one INSERT and one offset commit for each record", Run: a.peer("insert-one", "--commit")},
			{Name: "one INSERT each", Note: "the same as tutorial, offsets committed now and then", Run: a.peer("insert-one")},
			{Name: "Watermill", Note: "its Kafka subscriber, one INSERT for each message", Run: a.peer("water-rows")},
		}...),
	}
	if o.Peers && o.asks("apply") {
		empty.Contestants = append(empty.Contestants, a.debezium(ctx)...)
	}
	full := contest.Contest{
		ID: "replay", Title: fmt.Sprintf("%d commands whose rows are all there already", o.Records), Baseline: "INSERT that finds all", Target: true,
		Contestants: append(a.each("consumer-service", "a new group over a full table", applying.replayed), contest.Contestant{
			Name: "INSERT that finds all", Note: "the limit: INSERT … SELECT … ON CONFLICT DO NOTHING of the table into itself", Run: a.inserted,
		}),
	}
	contests := []contest.Contest{empty, full}
	if o.asks("apply-keys") {
		keys, err := a.keys(ctx)
		if err != nil {
			return nil, err
		}
		contests = append(contests, keys)
	}
	return o.runAll(ctx, contests...)
}

// filled returns what the turns over a topic of these commands need.
func (o Options) filled(ctx context.Context, r *rig.Rig, f rig.Filling) (a applying, err error) {
	a = applying{Options: o, rig: r, templates: &templates{}}
	if a.topic, err = r.Topic(ctx, "apply", partitions); err != nil {
		return a, err
	}
	o.Say("writing %d commands to a topic", o.Records)
	if err := r.Fill(ctx, a.topic, f); err != nil {
		return a, err
	}
	a.rows, err = r.Rows(ctx, a.topic)
	return a, err
}

// keys compares keys of UUID's version 4 with those of version 7.
func (a applying) keys(ctx context.Context) (contest.Contest, error) {
	random, err := a.filled(ctx, a.rig, rig.Filling{Records: a.Records, Random: true})
	random.templates = a.templates
	if err != nil {
		return contest.Contest{}, err
	}
	const ours, limit = "consumer-service", "COPY"
	return contest.Contest{
		ID: "apply-keys", Title: fmt.Sprintf("%d commands → rows of an empty table, keys of UUID version 4 and 7", a.Records), Baseline: limit + ", v4",
		Contestants: []contest.Contestant{
			{Name: ours + ", v4", Note: "ratio to COPY, v4", Run: random.ours},
			{Name: limit + ", v4", Run: random.copied},
			{Name: ours + ", v7", Note: "ratio to itself with v4", Against: ours + ", v4", Run: a.ours},
			{Name: limit + ", v7", Note: "ratio to itself with v4", Run: a.copied},
		},
	}, nil
}

// applying is what the turns have in common.
type applying struct {
	Options
	rig   *rig.Rig
	topic string
	rows  []rig.Partition

	templates *templates // for turns that need a table

	revision string // of the consumer-service
	versions int    // that the database has of the read model, where it is not one
	helpers  int    // further processes of the group
}

// each returns a turn of a service at each revision.
func (a applying) each(service, note string, turn func(applying, context.Context) (contest.Sample, error)) []contest.Contestant {
	var all []contest.Contestant
	for _, revision := range a.revisions() {
		a.revision = revision
		all = append(all, contest.Contestant{Name: called(service, revision), Note: note, Run: func(ctx context.Context) (contest.Sample, error) {
			return turn(a, ctx)
		}})
	}
	return all
}

// ours applies everything by a consumer-service with an empty database.
func (a applying) ours(ctx context.Context) (contest.Sample, error) {
	return a.withDatabase(ctx, func(db *rig.Database) (contest.Sample, error) { return a.consume(ctx, db) })
}

// consume runs a consumer-service with a new group until everything is applied.
func (a applying) consume(ctx context.Context, db *rig.Database) (sample contest.Sample, err error) {
	before, err := db.Rows(ctx)
	if err != nil {
		return nil, err
	}
	consumer, group, err := a.rig.Consumer(ctx, a.revision, db, a.topic)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.rig.Forget(consumer)) }()
	for range a.helpers {
		helper, err := a.rig.ConsumerOf(ctx, a.revision, db, a.topic, group)
		if err != nil {
			return nil, err
		}
		defer func() { _ = a.rig.Forget(helper) }()
	}
	sample, err = a.watch(ctx, consumer, a.Records*int64(max(1, a.versions)), 10*time.Minute, 20*time.Millisecond, func(ctx context.Context) (int64, error) {
		return db.Applied(ctx, group, a.topic)
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, consumer.Tail())
	}
	if n, err := db.Rows(ctx); err != nil || n != before+a.Records && n != before {
		return nil, fmt.Errorf("there were %d rows and are %d after %d records: %w", before, n, a.Records, err)
	}
	return sample, nil
}

// peer applies by a peer, until everything is applied or its time is over.
func (a applying) peer(name string, args ...string) func(context.Context) (contest.Sample, error) {
	return func(ctx context.Context) (contest.Sample, error) {
		return a.withTable(ctx, func(db *rig.Database) (sample contest.Sample, err error) {
			broker, err := a.rig.Broker(ctx)
			if err != nil {
				return nil, err
			}
			all := append([]string{"--broker", broker, "--topic", a.topic, "--group", a.rig.Name("peer-"), "--db", db.WriterURL}, args...)
			process, err := a.rig.Peer(ctx, name, all...)
			if err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, a.rig.Forget(process)) }()
			return a.watch(ctx, process, a.Records, a.Lasts, 100*time.Millisecond, func(ctx context.Context) (int64, error) {
				return db.Number(ctx, `SELECT count(*) FROM `+table)
			})
		})
	}
}

// watch measures from the first progress to the last, or for as long as the limit says. Where all of it was done between
// two looks, it says how long that was at most, and nothing of what was used.
func (a applying) watch(ctx context.Context, process *rig.Process, all int64, limit, every time.Duration, progress func(context.Context) (int64, error)) (contest.Sample, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var first int64
	var began time.Time
	var meter *rig.Meter
	waiting := time.Now()
	idle := waiting // when nothing was done yet
	for {
		n, err := progress(ctx)
		now := time.Now()
		switch {
		case err != nil:
			return nil, err
		case n == 0 && now.Sub(waiting) > 2*time.Minute:
			return nil, errors.New("nothing was applied in two minutes")
		case n == 0:
			idle = now
		case n >= all && (meter == nil || n == first):
			return contest.Sample{contest.Rate: float64(n) / now.Sub(idle).Seconds()}, nil
		case meter == nil:
			first, began, meter = n, now, a.rig.Meter(process)
		case n >= all || now.Sub(began) >= limit:
			sample := contest.Sample{contest.Rate: float64(n-first) / now.Sub(began).Seconds()}
			return sample, meter.Add(sample, n-first)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// copied copies the rows of each partition by a connection of its own.
func (a applying) copied(ctx context.Context) (contest.Sample, error) {
	return a.withTable(ctx, func(db *rig.Database) (contest.Sample, error) {
		meter, began := a.rig.Meter(nil), time.Now()
		copying, ctx := errgroup.WithContext(ctx)
		for _, partition := range a.rows {
			copying.Go(func() error {
				return partition.Copy(ctx, db.WriterURL, pgx.Identifier{"timestamp_v1", "timestamp_records"})
			})
		}
		if err := copying.Wait(); err != nil {
			return nil, err
		}
		sample := contest.Sample{contest.Rate: float64(a.Records) / time.Since(began).Seconds()}
		return sample, meter.Add(sample, a.Records)
	})
}

// replayed applies everything to a table that has it.
func (a applying) replayed(ctx context.Context) (contest.Sample, error) {
	return a.withRows(ctx, func(db *rig.Database) (contest.Sample, error) { return a.consume(ctx, db) })
}

// inserted inserts a table into itself.
func (a applying) inserted(ctx context.Context) (contest.Sample, error) {
	return a.withRows(ctx, func(db *rig.Database) (contest.Sample, error) {
		meter, began := a.rig.Meter(nil), time.Now()
		if _, err := db.Super.Exec(ctx, `INSERT INTO `+table+` SELECT * FROM `+table+` ON CONFLICT DO NOTHING`); err != nil {
			return nil, err
		}
		sample := contest.Sample{contest.Rate: float64(a.Records) / time.Since(began).Seconds()}
		return sample, meter.Add(sample, a.Records)
	})
}

// withDatabase gives the turn an empty database of its own.
func (a applying) withDatabase(ctx context.Context, turn func(*rig.Database) (contest.Sample, error)) (contest.Sample, error) {
	db, err := a.rig.Database(ctx, "apply")
	if err != nil {
		return nil, err
	}
	return on(ctx, a.rig, db, turn)
}

// withTable gives the turn a database whose table is there and empty.
func (a applying) withTable(ctx context.Context, turn func(*rig.Database) (contest.Sample, error)) (contest.Sample, error) {
	return a.withCopy(ctx, &a.templates.empty, func(*rig.Database) error { return nil }, turn)
}

// withRows gives the turn a database whose table has all rows.
func (a applying) withRows(ctx context.Context, turn func(*rig.Database) (contest.Sample, error)) (contest.Sample, error) {
	return a.withCopy(ctx, &a.templates.full, func(db *rig.Database) error {
		for _, partition := range a.rows {
			if err := partition.Copy(ctx, db.WriterURL, pgx.Identifier{"timestamp_v1", "timestamp_records"}); err != nil {
				return err
			}
		}
		_, err := db.Super.Exec(ctx, `VACUUM ANALYZE `+table)
		return err
	}, turn)
}

// templates are databases that turns get copies of, so that they are made and filled once; nil before the first turn.
type templates struct{ empty, full *rig.Database }

func (t *templates) drop(ctx context.Context, r *rig.Rig) error {
	var errs []error
	for _, db := range []*rig.Database{t.empty, t.full} {
		if db != nil {
			errs = append(errs, r.Drop(ctx, db))
		}
	}
	return errors.Join(errs...)
}

// withCopy gives the turn a copy of the template, which is made and filled first where there is none.
func (a applying) withCopy(ctx context.Context, template **rig.Database, fill func(*rig.Database) error, turn func(*rig.Database) (contest.Sample, error)) (contest.Sample, error) {
	if *template == nil {
		db, err := a.rig.Database(ctx, "apply")
		if err != nil {
			return nil, err
		}
		if err := errors.Join(a.rig.Prepare(ctx, db), fill(db)); err != nil {
			return nil, errors.Join(err, a.rig.Drop(context.WithoutCancel(ctx), db))
		}
		*template = db
	}
	return onCopy(ctx, a.rig, *template, turn)
}

// onCopy gives the turn a copy of a database.
func onCopy[T any](ctx context.Context, r *rig.Rig, template *rig.Database, turn func(*rig.Database) (T, error)) (T, error) {
	db, err := r.Clone(ctx, template)
	if err != nil {
		var none T
		return none, err
	}
	return on(ctx, r, db, turn)
}

// on gives the turn the database, at rest, and drops it afterwards.
func on[T any](ctx context.Context, r *rig.Rig, db *rig.Database, turn func(*rig.Database) (T, error)) (result T, err error) {
	defer func() { err = errors.Join(err, r.Drop(context.WithoutCancel(ctx), db)) }()
	if err := db.Settle(ctx); err != nil {
		return result, err
	}
	return turn(db)
}
