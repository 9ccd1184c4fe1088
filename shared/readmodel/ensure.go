package readmodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// ensureLock is the key of the advisory lock under which versions are created.
const ensureLock = 0x636f756e7466

// Ensure makes the version of the declaration exist: schema, table, indexes, rights, and its rows in the control tables.
// The connection's role must own the database. Ensure never drops or empties a table. A version that exists in another
// shape is a Misconfigured fault. If no version of the model serves yet, this one does.
func Ensure(ctx context.Context, conn *pgx.Conn, d *Declaration, log *slog.Logger) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, ensureLock); err != nil {
			return err
		}
		if err := register(ctx, tx, d); err != nil {
			return err
		}
		created, err := createTable(ctx, tx, d)
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
	})
	if err != nil {
		return fmt.Errorf("create read model %s: %w", d.Label(), err)
	}
	return nil
}

func register(ctx context.Context, tx pgx.Tx, d *Declaration) error {
	var fingerprint string
	err := tx.QueryRow(ctx, `SELECT fingerprint FROM counterfoil.read_models WHERE name = $1 AND version = $2`,
		d.Name, d.Version).Scan(&fingerprint)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		declaration, err := d.YAML()
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO counterfoil.read_models (name, version, schema_name, table_name, fingerprint, declaration)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			d.Name, d.Version, d.Schema(), d.Table, d.Fingerprint(), declaration)
		if err != nil {
			return err
		}
	case err != nil:
		return err
	case fingerprint != d.Fingerprint():
		return fault.New(fault.CodeMisconfigured, fmt.Sprintf(
			"the declaration of %s is not the one that the version was created with; leave it as it was and declare the change as version %d",
			d.Label(), d.Version+1), nil)
	}
	_, err = tx.Exec(ctx, `INSERT INTO counterfoil.serving (name, version) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`,
		d.Name, d.Version)
	return err
}

// createTable creates the version's schema, table and indexes unless the table is there. A table that is created anew is
// empty, so checkpoints that speak of an older one are removed: they cover rows that no longer exist.
func createTable(ctx context.Context, tx pgx.Tx, d *Declaration) (created bool, err error) {
	var exists bool
	err = tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relname = $2)`, d.Schema(), d.Table).Scan(&exists)
	if err != nil || exists {
		return false, err
	}
	if _, err := tx.Exec(ctx, d.DDL()); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM counterfoil.checkpoints WHERE right(group_id, length($1)) = $1`, d.Group(""))
	return true, err
}

// DDL returns the statements that create the version's schema, table and indexes.
func (d *Declaration) DDL() string {
	var b strings.Builder
	table := postgres.Identifier(d.Schema(), d.Table)
	fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s;\nCREATE TABLE %s (\n", postgres.Identifier(d.Schema()), table)
	for _, c := range d.Columns {
		fmt.Fprintf(&b, "    %s %s NOT NULL,\n", postgres.Identifier(c.Name), c.Type)
	}
	fmt.Fprintf(&b, "    PRIMARY KEY (%s)\n);\n", identifiers(d.PrimaryKey))
	for _, i := range d.Indexes {
		fmt.Fprintf(&b, "CREATE INDEX ON %s (%s);\n", table, identifiers(i.Columns))
	}
	return b.String()
}

func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = postgres.Identifier(name)
	}
	return strings.Join(quoted, ", ")
}

// showServing makes the database's search_path name the serving versions, so that a person's TRUNCATE of a table without
// its schema means the one that is served.
func showServing(ctx context.Context, tx pgx.Tx) error {
	var statement string
	var current bool
	err := tx.QueryRow(ctx, `
		WITH wanted AS (
			SELECT coalesce(string_agg(quote_ident(m.schema_name), ', ' ORDER BY m.name), '') || ', public' AS path
			FROM counterfoil.serving s JOIN counterfoil.read_models m USING (name, version)
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
