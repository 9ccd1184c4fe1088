package read

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Phase is where a version is in its life and in its topics, in one snapshot.
type Phase struct {
	Version   *catalog.Version
	State     readmodel.State
	Since     time.Time // when it came into the state
	Positions []Progress
	Numbers   []int32  // of all versions of the model
	States    []string // of the same
}

// Progress is how far a version is in one partition.
type Progress struct {
	Topic     string
	Partition int32
	Next      *int64 // its checkpoint; nil where it has not begun with the partition
	Target    *int64 // the checkpoint that makes it as current as the serving version; nil where it has nothing to reach
}

// CaughtUp reports whether the version has reached all that it has to. The serving version need not follow another.
func (p Phase) CaughtUp() bool {
	targets := 0
	for _, at := range p.Positions {
		if at.Target == nil {
			continue
		}
		targets++
		if at.Next == nil || *at.Next < *at.Target {
			return false
		}
	}
	return targets > 0 || p.State == readmodel.Serving
}

// Phase tells how far the target's version is, in whatever state it is but dropped.
func (r *Reader) Phase(ctx context.Context, t catalog.Target) (p Phase, err error) {
	err = r.catalog.Inspect(ctx, t, func(ctx context.Context, db *postgres.Pool, v *catalog.Version) error {
		p = Phase{Version: v, State: v.State}
		rows, err := db.Query(ctx, `
			WITH own AS (SELECT * FROM counterfoil.read_models WHERE name = $1 AND version = $2),
			reached AS (
				SELECT c.topic, c.partition, c.next_offset FROM own JOIN counterfoil.checkpoints c ON c.group_id = own.group_id),
			goals AS (
				SELECT topic, partition, next_offset FROM counterfoil.build_targets WHERE name = $1 AND version = $2
				UNION ALL
				SELECT c.topic, c.partition, c.next_offset
				FROM counterfoil.read_models s JOIN counterfoil.checkpoints c ON c.group_id = s.group_id
				WHERE s.name = $1 AND s.version <> $2 AND s.state = 'serving'
					AND (c.topic = ANY ($3) OR c.topic IN (SELECT topic FROM reached))),
			targets AS (SELECT topic, partition, max(next_offset) AS next_offset FROM goals GROUP BY topic, partition),
			positions AS (
				SELECT topic, partition, r.next_offset, t.next_offset AS target FROM reached r FULL JOIN targets t USING (topic, partition))
			SELECT own.state, own.changed_at,
				(SELECT array_agg(version ORDER BY version) FROM counterfoil.read_models WHERE name = $1),
				(SELECT array_agg(state ORDER BY version) FROM counterfoil.read_models WHERE name = $1),
				coalesce(p.topic, ''), coalesce(p.partition, 0), p.next_offset, p.target
			FROM own LEFT JOIN positions p ON true ORDER BY p.topic, p.partition`, v.Name, v.Number, v.Declaration.Topics())
		if err != nil {
			return err
		}
		var at Progress
		_, err = pgx.ForEachRow(rows, []any{&p.State, &p.Since, &p.Numbers, &p.States, &at.Topic, &at.Partition, &at.Next, &at.Target}, func() error {
			if at.Topic != "" {
				p.Positions = append(p.Positions, at)
			}
			return nil
		})
		if err == nil && p.State == readmodel.Dropped { // since the catalog was read
			err = fault.New(fault.CodeVersionDropped, v.Label()+" was dropped.", nil)
		}
		return err
	})
	return p, err
}
