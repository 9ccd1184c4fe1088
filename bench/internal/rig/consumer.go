package rig

import (
	"context"
	"errors"
	"time"
)

// Consumer starts a consumer-service, as it was at a revision, with a new group.
func (r *Rig) Consumer(ctx context.Context, revision string, db *Database, topic string, env ...string) (p *Process, group string, err error) {
	group = r.Name("bench-")
	p, err = r.ConsumerOf(ctx, revision, db, topic, group, env...)
	return p, group, err
}

// ConsumerOf starts a consumer-service with a group that may have others.
func (r *Rig) ConsumerOf(ctx context.Context, revision string, db *Database, topic, group string, env ...string) (*Process, error) {
	broker, err := r.Broker(ctx)
	if err != nil {
		return nil, err
	}
	all := append(db.ConsumerEnv(), "KAFKA_BROKER="+broker, "KAFKA_CONSUMER_TOPIC="+topic, "KAFKA_GROUP_ID="+group)
	return r.ServiceAt(ctx, revision, "consumer-service", append(all, env...)...)
}

// Applied returns how many of the topic's records the versions of the group have applied, all versions together; 0 as long
// as there are no checkpoints.
func (d *Database) Applied(ctx context.Context, group, topic string) (int64, error) {
	there, err := d.Number(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'counterfoil' AND tablename = 'checkpoints'`)
	if err != nil || there == 0 {
		return 0, err
	}
	return d.Number(ctx, `
		SELECT coalesce(sum(next_offset), 0)::bigint FROM counterfoil.checkpoints WHERE starts_with(group_id, $1 || '.') AND topic = $2`,
		group, topic)
}

// Rows returns how many rows the table of the first version has; 0 as long as it is not there.
func (d *Database) Rows(ctx context.Context) (int64, error) {
	there, err := d.Number(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'timestamp_v1' AND tablename = 'timestamp_records'`)
	if err != nil || there == 0 {
		return 0, err
	}
	return d.Number(ctx, `SELECT count(*) FROM timestamp_v1.timestamp_records`)
}

// Prepare has a consumer-service make everything that it writes to.
func (r *Rig) Prepare(ctx context.Context, db *Database) (err error) {
	topic, err := r.Topic(ctx, "empty", 1)
	if err != nil {
		return err
	}
	p, group, err := r.Consumer(ctx, "", db, topic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Forget(p)) }()
	return r.await(ctx, p, func(ctx context.Context) error {
		n, err := db.Number(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'counterfoil' AND tablename = 'checkpoints'`)
		if err == nil && n > 0 {
			n, err = db.Number(ctx, `SELECT count(*) FROM counterfoil.checkpoints WHERE starts_with(group_id, $1 || '.') AND topic = $2`, group, topic)
		}
		if err == nil && n == 0 {
			err = errNotPrepared
		}
		return err
	})
}

var errNotPrepared = errors.New("the table is not there")

// Until asks again and again until the answer is yes.
func Until(ctx context.Context, every time.Duration, yes func(context.Context) (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := yes(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
