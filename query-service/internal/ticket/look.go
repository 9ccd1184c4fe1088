package ticket

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Office looks tickets up.
type Office struct {
	catalog *catalog.Catalog
}

// NewOffice returns the office for commands that become rows of the timestamp model.
func NewOffice(c *catalog.Catalog) *Office { return &Office{c} }

// Look answers all questions from one statement, and so from one snapshot. Every question has an entry in the result.
//
// The group is read in the same statement: when a new one takes the version over, its checkpoints begin anew, and with
// them the answers. A record's key is the command's id, by which a record that was set aside is found. Where there are
// several, one that is parked counts, then one that waits behind it, then one that was discarded; of equals, the one at
// the position, then the first.
func (o *Office) Look(ctx context.Context, questions []Question) (map[Question]Answer, error) {
	ids, keys := make([]uuid.UUID, len(questions)), make([][]byte, len(questions))
	topics, partitions, offsets := make([]string, len(questions)), make([]int32, len(questions)), make([]int64, len(questions))
	for i, q := range questions {
		ids[i], keys[i] = q.ID, []byte(q.ID.String())
		topics[i], partitions[i], offsets[i] = q.At.Topic, q.At.Partition, q.At.Offset
	}
	var answers map[Question]Answer
	err := o.catalog.Ask(ctx, catalog.Target{Model: read.TimestampModel}, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		columns, err := read.OriginsOf(v)
		if err != nil {
			return err
		}
		rows, err := db.Query(ctx, `
			SELECT `+v.Stands+`, q.n - 1,
				EXISTS (SELECT FROM `+postgres.Identifier(v.Schema, v.Table)+` r WHERE r.`+columns.ID+` = q.id),
				coalesce(p.state, ''), coalesce(p.here, false), coalesce(p.code, ''), coalesce(p.reason, ''),
				c.next_offset,
				EXISTS (SELECT FROM counterfoil.checkpoints t WHERE t.group_id = m.group_id),
				EXISTS (SELECT FROM counterfoil.checkpoints t WHERE t.group_id = m.group_id AND t.topic = q.topic)
			FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::integer[], $5::bigint[])
				WITH ORDINALITY AS q (id, key, topic, partition, "offset", n)
			LEFT JOIN counterfoil.read_models m ON m.name = $6 AND m.version = $7
			LEFT JOIN counterfoil.checkpoints c
				ON c.group_id = m.group_id AND c.topic = q.topic AND c.partition = q.partition
			LEFT JOIN LATERAL (
				SELECT p.state, p.code, p.reason, (p.topic, p.partition, p."offset") = (q.topic, q.partition, q."offset") AS here
				FROM counterfoil.parked p
				WHERE sha256(p.key) = sha256(q.key) AND p.key = q.key AND p.read_model = m.name AND p.version = m.version
				ORDER BY CASE p.state WHEN 'parked' THEN 1 WHEN 'waiting' THEN 2 ELSE 3 END, here DESC, p."offset"
				LIMIT 1) p ON true`,
			read.UUIDs(ids), keys, topics, partitions, offsets, v.Name, v.Number)
		if err != nil {
			return err
		}
		answers = make(map[Question]Answer, len(questions))
		var stands bool
		var n int
		var e evidence
		_, err = pgx.ForEachRow(rows, []any{&stands, &n, &e.row, &e.state, &e.at, &e.code, &e.reason, &e.next, &e.anyTopic, &e.topicIsRead}, func() error {
			if !stands {
				return catalog.ErrMoved
			}
			answer := questions[n].judge(e)
			answer.ReadModel = v.Label()
			answers[questions[n]] = answer
			return nil
		})
		return err
	})
	return answers, err
}
