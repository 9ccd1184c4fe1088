package readmodel

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// goals are the positions that a version has to reach before it is current: where its topics ended when its build began,
// or later where the serving version was. $1 is the name of the model, $2 the number of the version.
const goals = `
	SELECT topic, partition, next_offset FROM counterfoil.build_targets WHERE name = $1 AND version = $2`

// served are the serving version's positions in the topics that the version reads.
const served = `
	SELECT c.topic, c.partition, c.next_offset
	FROM counterfoil.read_models m JOIN counterfoil.checkpoints c ON c.group_id = m.group_id
	WHERE m.name = $1 AND m.version <> $2 AND m.state = 'serving' AND c.topic IN (
		SELECT topic FROM counterfoil.build_targets WHERE name = $1 AND version = $2
		UNION SELECT own.topic FROM counterfoil.read_models v JOIN counterfoil.checkpoints own ON own.group_id = v.group_id
		WHERE v.name = $1 AND v.version = $2)`

// reached returns a condition: the version has begun every partition that the positions name, and is there or further.
// Where they name none, nothing is known and the condition does not hold.
func reached(positions string) string {
	return `(EXISTS (` + positions + `) AND NOT EXISTS (
		SELECT FROM (` + positions + `) goal
		LEFT JOIN (SELECT c.topic, c.partition, c.next_offset
			FROM counterfoil.read_models m JOIN counterfoil.checkpoints c ON c.group_id = m.group_id
			WHERE m.name = $1 AND m.version = $2) own USING (topic, partition)
		WHERE own.next_offset IS NULL OR own.next_offset < goal.next_offset))`
}

// CaughtUp reports whether the version is, in one snapshot and in every partition, past where its topics ended when its
// build began and where the serving version is (G8). It compares positions at one commit; it does not look at lag.
func CaughtUp(ctx context.Context, db Database, name string, version int) (bool, error) {
	return holds(ctx, db, `SELECT `+reached(goals+` UNION ALL `+served), name, version)
}

// Reached reports whether the version is past its build targets in every partition.
func Reached(ctx context.Context, db Database, name string, version int) (bool, error) {
	return holds(ctx, db, `SELECT `+reached(goals), name, version)
}

// AimAtServing makes the serving version's checkpoints, as of one commit, the build targets of the version. A version that
// reaches them was as current as the serving one, however many records arrive meanwhile. It reports whether there is any
// target: there is none before the serving version began its partitions.
func AimAtServing(ctx context.Context, db Database, name string, version int) (aimed bool, err error) {
	_, err = db.Exec(ctx, `
		INSERT INTO counterfoil.build_targets (name, version, topic, partition, next_offset)
		SELECT $1, $2, s.topic, s.partition, s.next_offset FROM (`+served+`) s
		ON CONFLICT (name, version, topic, partition) DO UPDATE SET next_offset = excluded.next_offset`, name, version)
	if err != nil {
		return false, err
	}
	return holds(ctx, db, `SELECT EXISTS (`+goals+`)`, name, version)
}

// MarkIndexed records that the declared indexes of the version exist. The role must own the control tables.
func MarkIndexed(ctx context.Context, db Database, name string, version int) error {
	_, err := db.Exec(ctx, `
		UPDATE counterfoil.read_models SET indexed = true WHERE name = $1 AND version = $2 AND NOT indexed`, name, version)
	return err
}

// MarkReady makes a building version ready, for every consumer-service to keep current, if it has its indexes and has
// reached its build targets in that very snapshot. It reports whether it did. The role must own the control tables.
func MarkReady(ctx context.Context, conn *pgx.Conn, name string, version int, by string) (ready bool, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		marked, err := tx.Exec(ctx, `
			UPDATE counterfoil.read_models SET state = 'ready', builder = '', changed_at = now()
			WHERE name = $1 AND version = $2 AND state = 'building' AND indexed AND `+reached(goals), name, version)
		if err != nil || marked.RowsAffected() == 0 {
			return err
		}
		ready = true
		return note(ctx, tx, Event{Name: name, Version: version, Event: string(Ready), By: by, Reason: "caught up"})
	})
	return ready && err == nil, err
}

func holds(ctx context.Context, db Database, sql string, args ...any) (bool, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return false, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
}
