package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// ensureLock is the key of the advisory lock under which versions are created.
const ensureLock = 0x636f756e7466

// Ensure makes the version of the declaration exist: schema, table, rights, and its rows in the control tables. The
// connection's role must own the database. Ensure never drops or empties a table. A version that exists in another shape is
// a Misconfigured fault. A version that is new serves if no version of its model does, and is building otherwise. One that
// is planned, retired or dropped is left as it is.
func Ensure(ctx context.Context, conn *pgx.Conn, d *Declaration, log *slog.Logger) error {
	return locked(ctx, conn, d, func(tx pgx.Tx) error {
		state, indexed, err := register(ctx, tx, d)
		if err != nil || !state.Kept() {
			return err
		}
		return exist(ctx, tx, d, indexed, log)
	})
}

// Bootstrap gives each model that has no version its first one, which serves at once. The connection's role must own the
// database. Models that have versions are left as they are, whatever their declaration says by now.
func Bootstrap(ctx context.Context, conn *pgx.Conn, declarations []*Declaration, log *slog.Logger) error {
	for _, d := range declarations {
		err := locked(ctx, conn, d, func(tx pgx.Tx) error {
			known, err := holds(ctx, tx, `SELECT EXISTS (SELECT FROM counterfoil.read_models WHERE name = $1)`, d.Name)
			if err != nil || known {
				return err
			}
			if _, _, err := register(ctx, tx, d); err != nil {
				return err
			}
			return exist(ctx, tx, d, true, log)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Restore makes a version that is kept current exist again where its table or its rights are gone. The connection's role
// must own the database. A version that the control tables do not hold in this shape, or that is no longer kept, is a fault
// of kind Away: whoever runs it learns of the change in a moment.
func Restore(ctx context.Context, conn *pgx.Conn, d *Declaration, log *slog.Logger) error {
	return locked(ctx, conn, d, func(tx pgx.Tx) error {
		var state State
		var indexed bool
		err := tx.QueryRow(ctx, `
			SELECT state, indexed FROM counterfoil.read_models WHERE name = $1 AND version = $2 AND fingerprint = $3`,
			d.Name, d.Version, d.Fingerprint()).Scan(&state, &indexed)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return fault.New(fault.CodeReadModelMissing, "the database does not hold this version in this shape", nil)
		case err != nil:
			return err
		case !state.Kept():
			return fault.New(fault.CodeReadModelMissing, fmt.Sprintf("the version is %s, and no longer kept current", state), nil)
		}
		return exist(ctx, tx, d, indexed, log)
	})
}

// locked runs do in a transaction in which nobody else creates versions.
func locked(ctx context.Context, conn *pgx.Conn, d *Declaration, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, ensureLock); err != nil {
			return err
		}
		return do(tx)
	})
	if err != nil {
		return fmt.Errorf("create read model %s: %w", d.Label(), err)
	}
	return nil
}

// exist makes everything exist that a version consists of, apart from its row in the control tables.
func exist(ctx context.Context, tx pgx.Tx, d *Declaration, indexed bool, log *slog.Logger) error {
	if err := numberFields(ctx, tx, d); err != nil {
		return err
	}
	created, err := createTable(ctx, tx, d, indexed)
	if err != nil {
		return err
	}
	if created {
		log.InfoContext(ctx, "created a read model", "read_model", d.Name, "version", d.Version, "table", d.Schema()+"."+d.Table)
	}
	if err := postgres.GrantSchema(ctx, tx, d.Schema()); err != nil {
		return err
	}
	return showServing(ctx, tx)
}

// register returns the state of the version, which it makes known where it is not.
func register(ctx context.Context, tx pgx.Tx, d *Declaration) (state State, indexed bool, err error) {
	var fingerprint string
	err = tx.QueryRow(ctx, `SELECT fingerprint, state, indexed FROM counterfoil.read_models WHERE name = $1 AND version = $2`,
		d.Name, d.Version).Scan(&fingerprint, &state, &indexed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		var serves bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM counterfoil.read_models WHERE name = $1 AND state = $2)`,
			d.Name, Serving).Scan(&serves)
		if err != nil {
			return "", false, err
		}
		state = Serving
		if serves {
			state = Building
		}
		if err := insertVersion(ctx, tx, d, state, !serves); err != nil {
			return "", false, err
		}
		return state, !serves, note(ctx, tx, Event{Name: d.Name, Version: d.Version, Event: string(state), By: "consumer-service", Reason: "it was declared"})
	case err == nil && fingerprint != d.Fingerprint():
		return "", false, fault.New(fault.CodeMisconfigured, fmt.Sprintf(
			"the declaration of %s is not the one that the version was created with; counterfoil readmodel plan says what to do", d.Label()), nil)
	}
	return state, indexed, err
}

// insertVersion makes a version known.
func insertVersion(ctx context.Context, tx pgx.Tx, d *Declaration, state State, indexed bool) error {
	declaration, err := d.YAML()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO counterfoil.read_models (name, version, schema_name, table_name, fingerprint, declaration, state, indexed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.Name, d.Version, d.Schema(), d.Table, d.Fingerprint(), declaration, state, indexed)
	return err
}

// createTable creates the version's schema, table and, where indexed says so, its indexes, unless the table is there. A
// table that is created anew is empty, so checkpoints that speak of an older one are removed: they cover rows that no longer
// exist.
func createTable(ctx context.Context, tx pgx.Tx, d *Declaration, indexed bool) (created bool, err error) {
	var exists bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relname = $2)`, d.Schema(), d.Storage()).Scan(&exists)
	if err != nil || exists {
		return false, err
	}
	sql := d.TableDDL()
	if indexed {
		sql += d.IndexDDL()
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM counterfoil.checkpoints WHERE right(group_id, length($1)) = $1`, d.Group(""))
	return true, err
}

// showServing makes the database's search_path name the serving versions, so that a person's TRUNCATE of a table without
// its schema means the one that is served.
func showServing(ctx context.Context, tx pgx.Tx) error {
	var statement string
	var current bool
	err := tx.QueryRow(ctx, `
		WITH wanted AS (
			SELECT coalesce(string_agg(quote_ident(m.schema_name), ', ' ORDER BY m.name), '') || ', public' AS path
			FROM counterfoil.read_models m WHERE m.state = 'serving'
		)
		SELECT format('ALTER DATABASE %I SET search_path = %s', current_database(), path),
			EXISTS (SELECT FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase
				WHERE d.datname = current_database() AND r.setrole = 0 AND 'search_path=' || path = ANY (r.setconfig))
		FROM wanted`).Scan(&statement, &current)
	if err != nil || current {
		return err
	}
	_, err = tx.Exec(ctx, statement)
	return err
}
