package readmodel

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Progress is how far a build is, in records.
type Progress struct {
	Applied int64 // of those that were there when the build began
	Target  int64
}

// BuildProgress compares the version's checkpoints with where its topics ended when the build began.
func BuildProgress(ctx context.Context, db Database, v Version) (Progress, error) {
	rows, err := db.Query(ctx, `
		SELECT coalesce(sum(least(t.next_offset, coalesce(c.next_offset, 0))), 0)::bigint, coalesce(sum(t.next_offset), 0)::bigint
		FROM counterfoil.build_targets t
		LEFT JOIN counterfoil.checkpoints c ON c.group_id = $3 AND c.topic = t.topic AND c.partition = t.partition
		WHERE t.name = $1 AND t.version = $2`, v.Name, v.Number, v.Group)
	if err != nil {
		return Progress{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Progress])
}
