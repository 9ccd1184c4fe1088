package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of the advisory lock under which migrations run, in every database alike.
const migrationLock = 0x636f756e746572

// Migrate brings the control tables of the database up to date, under a lock, and gives the roles of r that exist what
// they need. It never drops or empties anything. The connection's role must own the database.
//
// All of it is one transaction: whoever looks meanwhile finds no schema at all, or one that it has its rights in.
func Migrate(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	var missing []string
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, migrationLock); err != nil {
			return fmt.Errorf("wait for the migration lock: %w", err)
		}
		_, err := tx.Exec(ctx, `
			CREATE SCHEMA IF NOT EXISTS counterfoil;
			CREATE TABLE IF NOT EXISTS counterfoil.migrations (
				number     integer     PRIMARY KEY,
				name       text        NOT NULL,
				applied_at timestamptz NOT NULL DEFAULT now()
			);`)
		if err != nil {
			return fmt.Errorf("create the table of migrations: %w", err)
		}
		done, err := lastMigration(ctx, tx)
		if err != nil {
			return err
		}
		files, err := migrationFiles()
		if err != nil {
			return err
		}
		if done > len(files) {
			return fmt.Errorf("the database is at migration %d and this program knows only %d: it is older than the database", done, len(files))
		}
		missing = files[done:]
		for _, file := range missing {
			if err := migrateOne(ctx, tx, file); err != nil {
				return fmt.Errorf("migration %s: %w", file, err)
			}
		}
		return grantControl(ctx, tx)
	})
	if err != nil {
		return err
	}
	for _, file := range missing {
		log.InfoContext(ctx, "migrated", "migration", file)
	}
	return nil
}

// lastMigration returns the number of the last migration that the database has.
func lastMigration(ctx context.Context, db queryer) (number int, err error) {
	if err := db.QueryRow(ctx, `SELECT coalesce(max(number), 0) FROM counterfoil.migrations`).Scan(&number); err != nil {
		return 0, fmt.Errorf("read the table of migrations: %w", err)
	}
	return number, nil
}

// migrationFiles returns all migrations that this program knows, in order.
func migrationFiles() ([]string, error) { return fs.Glob(migrations, "migrations/*.sql") }

func migrateOne(ctx context.Context, tx pgx.Tx, file string) error {
	sql, err := migrations.ReadFile(file)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
	number, err := strconv.Atoi(name[:4])
	if err != nil {
		return fmt.Errorf("its name must begin with four digits: %w", err)
	}
	if _, err := tx.Exec(ctx, string(sql)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO counterfoil.migrations (number, name) VALUES ($1, $2)`, number, name)
	return err
}
