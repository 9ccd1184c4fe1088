package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// queryer is a pool, a connection or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Server is what a database's server says of itself.
type Server struct {
	Version   string // as the server writes it, such as 17.2
	Major     int
	Recovery  bool // it is a standby, which takes no writes
	Database  string
	Role      string // whom the connection belongs to
	OwnerRole string // whom the database belongs to
}

// Inspect asks the server about itself. It changes nothing.
func Inspect(ctx context.Context, db queryer) (Server, error) {
	var s Server
	var number int
	err := db.QueryRow(ctx, `
		SELECT current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(),
			current_database(), current_user, pg_get_userbyid(datdba)
		FROM pg_database WHERE datname = current_database()`).
		Scan(&s.Version, &number, &s.Recovery, &s.Database, &s.Role, &s.OwnerRole)
	s.Major = number / 10_000
	return s, err
}

// Migrations returns the number of the last migration that the database has, 0 where it never had one, and that of the
// last one that this program knows. It changes nothing.
func Migrations(ctx context.Context, db queryer) (done, known int, err error) {
	files, err := migrationFiles()
	if err != nil {
		return 0, 0, err
	}
	done, err = lastMigration(ctx, db)
	if IsMissing(err) {
		return 0, len(files), nil
	}
	return done, len(files), err
}

// RoleFaults returns what is wrong with the three login roles, as sentences; none means that each is there and can do what
// it is for, and that the reader can do nothing more (G9). It changes nothing.
func RoleFaults(ctx context.Context, db queryer) ([]string, error) {
	var faults []string
	for _, role := range []string{OwnerRole, WriterRole, ReaderRole} {
		var login bool
		err := db.QueryRow(ctx, `SELECT rolcanlogin FROM pg_roles WHERE rolname = $1`, role).Scan(&login)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			faults = append(faults, fmt.Sprintf("role %s does not exist", role))
		case err != nil:
			return nil, err
		case !login:
			faults = append(faults, fmt.Sprintf("role %s cannot log in", role))
		}
	}
	if len(faults) > 0 {
		return faults, nil
	}
	missing, err := missingRights(ctx, db)
	if err != nil {
		return nil, err
	}
	faults = append(faults, missing...)
	reader := ReaderRole
	surplus, err := rightsToWrite(ctx, db, &reader)
	for _, right := range surplus {
		faults = append(faults, fmt.Sprintf("role %s has %s", reader, right))
	}
	return faults, err
}

// missingRights returns the rights that Migrate and GrantSchema give and that are not there.
func missingRights(ctx context.Context, db queryer) ([]string, error) {
	rows, err := db.Query(ctx, `
		WITH ours AS (
			SELECT n.oid AS schema, nspname, c.oid AS "table", format('%I.%I', nspname, relname) AS name, nspname = 'counterfoil' AS control, relname
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE relkind IN ('r', 'p') AND (nspname = 'counterfoil' OR nspname IN (SELECT schema_name FROM counterfoil.read_models))
		), wanted (role, "table", name, privilege) AS (
			SELECT role, "table", name, 'SELECT' FROM ours, (VALUES ($1), ($2)) AS r (role)
			UNION ALL
			SELECT $1, "table", name, privilege FROM ours, (VALUES ('INSERT'), ('UPDATE'), ('DELETE')) AS p (privilege)
				WHERE NOT control OR relname = 'parked' OR relname = 'checkpoints' AND privilege <> 'DELETE'
					OR relname = 'decisions' AND privilege = 'INSERT'
		)
		SELECT format('role %s lacks USAGE on schema %s', role, nspname) FROM (SELECT DISTINCT schema, nspname FROM ours) s,
			(VALUES ($1), ($2)) AS r (role) WHERE NOT has_schema_privilege(role, schema, 'USAGE')
		UNION ALL
		SELECT format('role %s lacks %s on table %s', role, privilege, name) FROM wanted
			WHERE NOT has_table_privilege(role, "table", privilege)
		UNION ALL
		SELECT format('role %s does not own database %s', $3::text, current_database())
			WHERE NOT pg_has_role($3, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
		ORDER BY 1 LIMIT 20`, WriterRole, ReaderRole, OwnerRole)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
