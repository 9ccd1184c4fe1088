package measure

import (
	"context"
	"errors"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// debezium returns the turns of Debezium's JDBC sink. Its records are not ours: Kafka Connect's converter needs a schema
// in each, so they are larger.
func (a applying) debezium(ctx context.Context) []contest.Contestant {
	topic, err := a.rig.Topic(ctx, "debezium", partitions)
	if err == nil {
		err = a.rig.Fill(ctx, topic, rig.Filling{Records: a.Records, Envelope: true})
	}
	if err != nil {
		return []contest.Contestant{{Name: "Debezium JDBC sink", Run: failing(err)}}
	}
	a.topic = topic
	var all []contest.Contestant
	for _, sink := range []struct {
		name, note string
		rig.Sink
	}{
		{"Debezium JDBC sink", "Kafka Connect, upsert, one task, rewritten batches", rig.Sink{Tasks: 1}},
		{"Debezium JDBC sink, unnest", "the same by arrays, two tasks", rig.Sink{Tasks: 2, Unnest: true}},
	} {
		all = append(all, contest.Contestant{Name: sink.name, Note: sink.note, Run: func(ctx context.Context) (contest.Sample, error) {
			return a.withTable(ctx, func(db *rig.Database) (sample contest.Sample, err error) {
				process, err := a.rig.Debezium(ctx, db, topic, sink.Sink)
				if err != nil {
					return nil, err
				}
				defer func() { err = errors.Join(err, a.rig.Kill(process)) }()
				// A Java program needs some seconds to get warm.
				return a.watch(ctx, process, a.Records, max(8*time.Second, 2*a.Lasts), 250*time.Millisecond, func(ctx context.Context) (int64, error) {
					return db.Rows(ctx)
				})
			})
		}})
	}
	return all
}
