package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// RequireReadOnly returns a Misconfigured fault that lists every right beyond SELECT that the pool's role has in its
// database, directly or through another role (G9). An error of the connection is classified as usual.
func RequireReadOnly(ctx context.Context, pool *pgxpool.Pool) error {
	rights, err := rightsToWrite(ctx, pool, nil)
	if err != nil {
		return Classify(err)
	}
	if len(rights) > 0 {
		return fault.New(fault.CodeMisconfigured, fmt.Sprintf(
			"the database role may do more than SELECT (%s); connect as %s, or as a role with SELECT and USAGE only",
			strings.Join(rights, ", "), ReaderRole), nil)
	}
	return nil
}

// rightsToWrite returns rights beyond SELECT that the role has in the database, at most twenty of them. A nil role is the
// connection's own.
func rightsToWrite(ctx context.Context, db queryer, role *string) ([]string, error) {
	rows, err := db.Query(ctx, `
		WITH who AS (
			-- The role, and every role that it may become by SET ROLE, whether or not it inherits their rights.
			SELECT rolname AS role FROM pg_roles WHERE pg_has_role(coalesce($1::name, current_user), oid, 'MEMBER')
		)
		SELECT found FROM (
		SELECT 'role attribute ' || attribute AS found FROM who JOIN pg_roles ON rolname = role,
			LATERAL (VALUES ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
				('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)) AS a (attribute, has)
			WHERE has
		UNION
		SELECT p.privilege || ' on database ' || current_database() FROM who, (VALUES ('CREATE'), ('TEMPORARY')) AS p (privilege)
			WHERE has_database_privilege(role, current_database(), p.privilege)
		UNION
		SELECT 'CREATE on schema ' || nspname FROM who, pg_namespace n
			WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' AND has_schema_privilege(role, n.oid, 'CREATE')
		UNION
		SELECT p.privilege || ' on table ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM who, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
			(VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege)
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
				AND (has_table_privilege(role, c.oid, p.privilege)
					OR p.privilege IN ('INSERT', 'UPDATE') AND has_any_column_privilege(role, c.oid, p.privilege))
		UNION
		SELECT 'membership in ' || rolname FROM who, pg_roles r
			WHERE rolname IN ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program')
				AND pg_has_role(role, r.oid, 'MEMBER')
		) AS rights
		ORDER BY found NOT LIKE '%SUPERUSER', found NOT LIKE 'role attribute%', found LIMIT 20`, role)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
