package readmodel

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Target is where a partition of a topic ended when a build began.
type Target struct {
	Topic     string
	Partition int32
	End       int64 // the offset of the next record to be written
}

// Build says how a version is to be built.
type Build struct {
	Targets     []Target // of every partition of its topics; the version is not ready before it is there
	Builder     string   // the process that alone applies records to it; "" where every consumer-service does
	AllowParked string   // why records that the serving version applied may be parked in this one; "" where they may not
}

// StartBuild takes a version that is planned or retired into building, from which on consumers fill it. A retired one goes
// on at its checkpoints. For one that is building, ready or serving it changes only who builds and what is allowed; a
// builder that is gone is replaced, and one that is at work is ErrRunning. It returns the version as it is then.
func StartBuild(ctx context.Context, conn *pgx.Conn, model string, number int, b Build, m Mandate) (v Version, err error) {
	err = change(ctx, conn, model, func(tx pgx.Tx) error {
		if v, err = lockVersion(ctx, tx, model, number); err != nil {
			return err
		}
		switch v.State {
		case Dropped:
			return fmt.Errorf("%w: %s was dropped, and its number is not used again; `counterfoil readmodel plan` says what comes next", ErrRefused, v.Label())
		case Planned, Retired:
			if err := begin(ctx, tx, v, b, m); err != nil {
				return err
			}
		}
		if err := allow(ctx, tx, v, b, m); err != nil {
			return err
		}
		if err := setBuilder(ctx, tx, v, b.Builder, m); err != nil {
			return err
		}
		v, err = lockVersion(ctx, tx, model, number)
		return err
	})
	return v, err
}

func begin(ctx context.Context, tx pgx.Tx, v Version, b Build, m Mandate) error {
	other, err := oneVersion(ctx, tx, `name = $1 AND state = 'building'`, v.Name)
	if err == nil {
		return fmt.Errorf("%w: %s is being built, and there is one at a time; wait until it is ready, or give it up: counterfoil readmodel retire %s %d",
			ErrRefused, other.Label(), other.Name, other.Number)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM counterfoil.build_targets WHERE name = $1 AND version = $2`, v.Name, v.Number); err != nil {
		return err
	}
	for _, t := range b.Targets {
		_, err := tx.Exec(ctx, `INSERT INTO counterfoil.build_targets (name, version, topic, partition, next_offset) VALUES ($1, $2, $3, $4, $5)`,
			v.Name, v.Number, t.Topic, t.Partition, t.End)
		if err != nil {
			return err
		}
	}
	// What is to be read is kept with the time, so that the next build can be told how long it takes.
	var records int64
	err = tx.QueryRow(ctx, `
		SELECT coalesce(sum(greatest(t.next_offset - coalesce(c.next_offset, 0), 0)), 0)::bigint FROM counterfoil.build_targets t
		LEFT JOIN counterfoil.checkpoints c ON c.group_id = $3 AND c.topic = t.topic AND c.partition = t.partition
		WHERE t.name = $1 AND t.version = $2`, v.Name, v.Number, v.Group).Scan(&records)
	if err != nil {
		return err
	}
	return enter(ctx, tx, v, Building, string(Building), m, buildDetails{Records: records})
}

// buildDetails are those of the event that a version is building.
type buildDetails struct {
	Records int64 `json:"records"` // that were to be read then
}

func allow(ctx context.Context, tx pgx.Tx, v Version, b Build, m Mandate) error {
	if b.AllowParked == "" || v.AllowParked {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET allow_parked = true WHERE name = $1 AND version = $2`, v.Name, v.Number); err != nil {
		return err
	}
	return record(ctx, tx, v, EventAllowed, Mandate{By: m.By, Reason: b.AllowParked}, nil)
}

func setBuilder(ctx context.Context, tx pgx.Tx, v Version, builder string, m Mandate) error {
	if v.Builder == builder {
		return nil
	}
	if err := lock(ctx, tx, builderLocks, v.Label(), untilCommit); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET builder = $3 WHERE name = $1 AND version = $2`, v.Name, v.Number, builder); err != nil {
		return err
	}
	return record(ctx, tx, v, EventBuilder, m, map[string]string{"builder": builder})
}
