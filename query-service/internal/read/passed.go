package read

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Until is a position that a version is to have passed.
type Until struct {
	Version int // 0 for the one that unscoped paths answer from
	At      position.Position
}

// Passage is how far a version is with a position.
type Passage struct {
	ReadModel string // the label of the version that answered
	Passed    bool   // its checkpoint is past the position
	Foreign   bool   // it does not read the position's topic
	Next      *int64 // its checkpoint; nil where it has not begun with the partition
	Err       error  // a fault; the version cannot be asked
}

// Settled reports whether there is nothing to wait for.
func (p Passage) Settled() bool { return p.Passed || p.Foreign || p.Err != nil }

// Passages returns a function that tells how far versions of the model are, for many positions at a time. Every position
// has an entry in its result.
func (r *Reader) Passages(model string) func(ctx context.Context, places []Until) (map[Until]Passage, error) {
	return func(ctx context.Context, places []Until) (map[Until]Passage, error) {
		by := map[int][]Until{}
		for _, place := range places {
			by[place.Version] = append(by[place.Version], place)
		}
		passages := make(map[Until]Passage, len(places))
		for version, places := range by {
			if err := r.passages(ctx, catalog.Target{Model: model, Number: version}, places, passages); err != nil {
				if len(by) == 1 {
					return nil, err
				}
				for _, place := range places {
					passages[place] = Passage{Err: err}
				}
			}
		}
		return passages, nil
	}
}

func (r *Reader) passages(ctx context.Context, t catalog.Target, places []Until, passages map[Until]Passage) error {
	topics, partitions := make([]string, len(places)), make([]int32, len(places))
	for i, place := range places {
		topics[i], partitions[i] = place.At.Topic, place.At.Partition
	}
	return r.catalog.Ask(ctx, t, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		rows, err := db.Query(ctx, `
			SELECT `+v.Stands+`, q.n - 1, c.next_offset,
				EXISTS (SELECT FROM counterfoil.checkpoints t WHERE t.group_id = m.group_id)
					AND NOT EXISTS (SELECT FROM counterfoil.checkpoints t WHERE t.group_id = m.group_id AND t.topic = q.topic)
			FROM unnest($1::text[], $2::integer[]) WITH ORDINALITY AS q (topic, partition, n)
			LEFT JOIN counterfoil.read_models m ON m.name = $3 AND m.version = $4
			LEFT JOIN counterfoil.checkpoints c
				ON c.group_id = m.group_id AND c.topic = q.topic AND c.partition = q.partition`,
			topics, partitions, v.Name, v.Number)
		if err != nil {
			return err
		}
		var stands, foreign bool
		var n int
		var next *int64
		_, err = pgx.ForEachRow(rows, []any{&stands, &n, &next, &foreign}, func() error {
			if !stands {
				return catalog.ErrMoved
			}
			place := places[n]
			passages[place] = Passage{ReadModel: v.Label(), Foreign: foreign, Next: next, Passed: next != nil && *next > place.At.Offset}
			return nil
		})
		return err
	})
}
