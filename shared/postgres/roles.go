package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The login roles. The owner makes tables, the writer applies records, the reader answers queries (G9).
const (
	OwnerRole  = "counterfoil_owner"
	WriterRole = "counterfoil_writer"
	ReaderRole = "counterfoil_reader"
)

// Roles holds the passwords of the login roles.
type Roles struct {
	OwnerPassword, WriterPassword, ReaderPassword string
}

// Bootstrap creates the three login roles, or gives them these passwords, and the database owned by the owner. It is
// what a person with superuser rights does once for a server; it can be repeated.
func Bootstrap(ctx context.Context, superuserURL, database string, roles Roles) error {
	conn, err := pgx.Connect(ctx, superuserURL)
	if err != nil {
		return fmt.Errorf("connect as superuser: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	// Roles belong to the whole server, so two processes may bootstrap at the same moment.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return fmt.Errorf("wait for the bootstrap lock: %w", err)
	}
	for _, role := range []struct{ name, password, options string }{
		{OwnerRole, roles.OwnerPassword, "CREATEDB"}, // CREATEDB: a dropped database comes back by itself
		{WriterRole, roles.WriterPassword, ""},
		{ReaderRole, roles.ReaderPassword, ""},
	} {
		var exists bool
		if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)`, role.name).Scan(&exists); err != nil {
			return fmt.Errorf("look for role %s: %w", role.name, err)
		}
		verb := "CREATE"
		if exists {
			verb = "ALTER"
		}
		_, err := conn.Exec(ctx, fmt.Sprintf(`%s ROLE %s LOGIN %s PASSWORD %s`, verb, role.name, role.options, literal(role.password)))
		if err != nil {
			return fmt.Errorf("create role %s: %w", role.name, err)
		}
	}
	// So that the owner can drop its database although the others are connected to it.
	if _, err := conn.Exec(ctx, fmt.Sprintf(`GRANT %s, %s TO %s`, WriterRole, ReaderRole, OwnerRole)); err != nil {
		return fmt.Errorf("make the owner a member of the other roles: %w", err)
	}
	return createDatabase(ctx, conn, database, OwnerRole)
}

// EnsureDatabase creates the database of cfg if it does not exist, by way of the server's maintenance database. The
// role of cfg then owns it. It is how a dropped database comes back without any change of settings.
func EnsureDatabase(ctx context.Context, cfg Config) error {
	parsed, err := cfg.ConnConfig("counterfoil-create-database")
	if err != nil {
		return err
	}
	database := parsed.Database
	parsed.Database = "postgres"
	conn, err := pgx.ConnectConfig(ctx, parsed)
	if err != nil {
		return fmt.Errorf("connect to the maintenance database: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	return createDatabase(ctx, conn, database, parsed.User)
}

func createDatabase(ctx context.Context, conn *pgx.Conn, database, owner string) error {
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", database, err)
	}
	if exists {
		return nil
	}
	sql := fmt.Sprintf(`CREATE DATABASE %s OWNER %s`, Identifier(database), Identifier(owner))
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("create database %s: %w", database, err)
	}
	return nil
}

// grantControl gives writer and reader what they need in the control tables, and takes from everybody else what
// PostgreSQL gives by default. Roles that do not exist, as where one role does everything, are passed over.
func grantControl(ctx context.Context, tx pgx.Tx) error {
	var database string
	if err := tx.QueryRow(ctx, `SELECT current_database()`).Scan(&database); err != nil {
		return fmt.Errorf("name the database: %w", err)
	}
	// A reader that could make temporary tables could write (G9).
	if _, err := tx.Exec(ctx, `REVOKE TEMPORARY ON DATABASE `+Identifier(database)+` FROM PUBLIC`); err != nil {
		return fmt.Errorf("revoke temporary tables: %w", err)
	}
	return forRoles(ctx, tx, map[string]string{
		WriterRole: `GRANT USAGE ON SCHEMA counterfoil TO counterfoil_writer;
			GRANT SELECT ON ALL TABLES IN SCHEMA counterfoil TO counterfoil_writer;
			GRANT INSERT, UPDATE ON counterfoil.checkpoints TO counterfoil_writer;
			GRANT INSERT, UPDATE, DELETE ON counterfoil.parked TO counterfoil_writer;
			GRANT INSERT, UPDATE (effect, control_topic) ON counterfoil.decisions TO counterfoil_writer;
			GRANT UPDATE (group_id) ON counterfoil.read_models TO counterfoil_writer`,
		ReaderRole: `GRANT USAGE ON SCHEMA counterfoil TO counterfoil_reader;
			GRANT SELECT ON ALL TABLES IN SCHEMA counterfoil TO counterfoil_reader`,
	})
}

// GrantSchema gives the writer and the reader what they need in the schema of a read model's version.
func GrantSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	s := Identifier(schema)
	return forRoles(ctx, tx, map[string]string{
		WriterRole: `GRANT USAGE ON SCHEMA ` + s + ` TO counterfoil_writer;
			GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + s + ` TO counterfoil_writer`,
		ReaderRole: `GRANT USAGE ON SCHEMA ` + s + ` TO counterfoil_reader;
			GRANT SELECT ON ALL TABLES IN SCHEMA ` + s + ` TO counterfoil_reader`,
	})
}

func forRoles(ctx context.Context, tx pgx.Tx, grants map[string]string) error {
	rows, err := tx.Query(ctx, `SELECT rolname FROM pg_roles WHERE rolname IN ($1, $2)`, WriterRole, ReaderRole)
	if err != nil {
		return fmt.Errorf("look for the roles: %w", err)
	}
	roles, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for the roles: %w", err)
	}
	for _, role := range roles {
		if _, err := tx.Exec(ctx, grants[role]); err != nil {
			return fmt.Errorf("grant to %s: %w", role, err)
		}
	}
	return nil
}

// Identifier quotes a name for SQL.
func Identifier(names ...string) string { return pgx.Identifier(names).Sanitize() }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
