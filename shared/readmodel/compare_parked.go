package readmodel

import (
	"context"
	"fmt"
)

// parked compares what is parked in both versions below the positions.
func (c *comparing) parked(ctx context.Context, at []Target) error {
	const sql = `
		SELECT (p.topic || '/' || lpad(p.partition::text, 10, '0') || '@' || lpad(p."offset"::text, 20, '0')) COLLATE "C" AS key,
			ARRAY[p.topic || '/' || p.partition || '@' || p."offset", p.state, p.code]
		FROM counterfoil.parked p JOIN unnest($3::text[], $4::int[], $5::bigint[]) AS r (topic, partition, next)
			ON r.topic = p.topic AND r.partition = p.partition AND p."offset" < r.next
		WHERE p.read_model = $1 AND p.version = $2 ORDER BY 1`
	var topics []string
	var partitions []int32
	var nexts []int64
	for _, t := range at {
		topics, partitions, nexts = append(topics, t.Topic), append(partitions, t.Partition), append(nexts, t.End)
	}
	a, err := c.serving.tx.Query(ctx, sql, c.serving.Name, c.serving.Number, topics, partitions, nexts)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := c.other.tx.Query(ctx, sql, c.other.Name, c.other.Number, topics, partitions, nexts)
	if err != nil {
		return err
	}
	defer b.Close()
	p := &c.report.Parked
	say := func(format string, texts []*string) {
		if len(p.Examples) < c.Examples {
			p.Examples = append(p.Examples, fmt.Sprintf(format, *texts[0], *texts[1], *texts[2]))
		}
	}
	err = merge(a, b, func(_ string, serving, other []*string) {
		switch {
		case other == nil:
			p.Serving++
			say("%s is %s (%s) in "+c.serving.Label()+" only", serving)
		case serving == nil:
			p.Other++
			say("%s is %s (%s) in "+c.other.Label()+" only", other)
		default:
			p.Both++
		}
	})
	// What only the new version cannot apply is a row that it lacks, and what only it can is one more.
	p.Expected = (p.Other == 0 || c.missing || c.other.AllowParked) && (p.Serving == 0 || c.added) && p.Serving+p.Other > 0
	return err
}
