package readmodel

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// Migrate makes what PlanFor says: the version's row in the control tables, its schema and its table, empty and without
// the declared indexes. It is planned then; StartBuild begins to fill it. The first version of a model serves at once. Where
// no version is needed it changes nothing. The connection's role must own the database.
func Migrate(ctx context.Context, conn *pgx.Conn, d *Declaration, m Mandate) (plan Plan, err error) {
	err = change(ctx, conn, d.Name, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, ensureLock); err != nil {
			return err
		}
		if plan, err = PlanFor(ctx, tx, d); err != nil || !plan.Needed {
			return err
		}
		return create(ctx, tx, plan.Declaration, plan.First, m)
	})
	if err != nil {
		return plan, fmt.Errorf("migrate %s: %w", d.Name, err)
	}
	return plan, nil
}

func create(ctx context.Context, tx pgx.Tx, d *Declaration, first bool, m Mandate) error {
	state := Planned
	if first {
		state = Serving
	}
	if err := insertVersion(ctx, tx, d, state, first); err != nil {
		return err
	}
	if err := note(ctx, tx, Event{Name: d.Name, Version: d.Version, Event: string(state), By: m.By, Reason: m.Reason}); err != nil {
		return err
	}
	return exist(ctx, tx, d, first, slog.New(slog.DiscardHandler))
}
