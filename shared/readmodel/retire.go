package readmodel

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Retire takes a version that is ready or building out of use: consumers no longer keep it current, its rows stay. The
// serving version is refused, and so is the previous one, which a rollback needs, unless force says otherwise.
func Retire(ctx context.Context, conn *pgx.Conn, model string, number int, force bool, m Mandate) error {
	return change(ctx, conn, model, func(tx pgx.Tx) error {
		v, err := lockVersion(ctx, tx, model, number)
		if err != nil {
			return err
		}
		switch v.State {
		case Retired:
			return nil
		case Planned:
			return fmt.Errorf("%w: %s was never built; drop it instead: counterfoil readmodel drop %s %d", ErrRefused, v.Label(), model, number)
		case Dropped:
			return fmt.Errorf("%w: %s is dropped already", ErrRefused, v.Label())
		}
		if err := spare(v, "retire", force); err != nil {
			return err
		}
		return retire(ctx, tx, v, m)
	})
}

// spare refuses what would take away what is read, or what a rollback needs.
func spare(v Version, verb string, force bool) error {
	switch {
	case v.Serving():
		return fmt.Errorf("%w: %s serves; switch to another version first: counterfoil readmodel switch %s --to N", ErrRefused, v.Label(), v.Name)
	case v.Previous && !force:
		return fmt.Errorf("%w: %s served before, and `counterfoil readmodel rollback %s` goes back to it; if nobody needs that any more: counterfoil readmodel %s %s %d --force",
			ErrRefused, v.Label(), v.Name, verb, v.Name, v.Number)
	}
	return nil
}

func retire(ctx context.Context, tx pgx.Tx, v Version, m Mandate) error {
	if err := lock(ctx, tx, builderLocks, v.Label(), untilCommit); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET previous = false, builder = '' WHERE name = $1 AND version = $2`, v.Name, v.Number)
	if err != nil {
		return err
	}
	return enter(ctx, tx, v, Retired, string(Retired), m, nil)
}

// Drop removes a version's schema with its rows, its checkpoints, and the records that are parked in it. What is known of
// it stays, so that its number is never used for another shape. One that is not retired or planned is refused without
// force; the serving one always is.
func Drop(ctx context.Context, conn *pgx.Conn, model string, number int, force bool, m Mandate) error {
	return change(ctx, conn, model, func(tx pgx.Tx) error {
		v, err := lockVersion(ctx, tx, model, number)
		if err != nil || v.State == Dropped {
			return err
		}
		if err := spare(v, "drop", force); err != nil {
			return err
		}
		if v.State.Kept() {
			if !force {
				return fmt.Errorf("%w: %s is %s; retire it first: counterfoil readmodel retire %s %d (--force does both)", ErrRefused, v.Label(), v.State, model, number)
			}
			if err := retire(ctx, tx, v, m); err != nil {
				return err
			}
		}
		return remove(ctx, tx, v, m)
	})
}

func remove(ctx context.Context, tx pgx.Tx, v Version, m Mandate) error {
	d := Declaration{Name: v.Name, Version: v.Number}
	if _, err := tx.Exec(ctx, `DELETE FROM counterfoil.checkpoints WHERE right(group_id, length($1)) = $1`, d.Group("")); err != nil {
		return err
	}
	parked, err := tx.Exec(ctx, `DELETE FROM counterfoil.parked WHERE read_model = $1 AND version = $2`, v.Name, v.Number)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM counterfoil.build_targets WHERE name = $1 AND version = $2`, v.Name, v.Number); err != nil {
		return err
	}
	if err := dropSchema(ctx, tx, v); err != nil {
		return err
	}
	return enter(ctx, tx, v, Dropped, string(Dropped), m, map[string]int64{"parked": parked.RowsAffected()})
}

// dropSchema drops what we made, and nothing that others built on it.
func dropSchema(ctx context.Context, tx pgx.Tx, v Version) error {
	rows, err := tx.Query(ctx, `
		SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname FROM pg_class
		WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'v') ORDER BY relkind DESC`, v.Schema)
	if err != nil {
		return err
	}
	relations, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Kind, Name string }])
	if err != nil {
		return err
	}
	for _, r := range relations {
		if _, err = tx.Exec(ctx, `DROP `+r.Kind+` `+postgres.Identifier(v.Schema, r.Name)); err != nil {
			break
		}
	}
	if err == nil {
		_, err = tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+postgres.Identifier(v.Schema))
	}
	if postgres.IsDependedOn(err) {
		return fmt.Errorf("%w: something that is not ours depends on schema %s (%w); move or drop that first", ErrRefused, v.Schema, err)
	}
	return err
}
