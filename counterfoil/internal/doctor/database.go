package doctor

import (
	"context"
	"fmt"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// oldestPostgres is the oldest major version that the services are made for.
const oldestPostgres = 14

// database checks the server, its migrations and its roles.
func (e *examination) database(ctx context.Context) {
	const server, migrations, roles = "database", "migrations", "roles"
	pool, at, err := e.finder.OpenDatabase(ctx, e.DBURL)
	if err != nil {
		do := []string{"start PostgreSQL, or name the right one by --db-url or DB_URL, with user and password"}
		if postgres.IsNoDatabase(err) {
			do = []string{
				"start the consumer-service, which creates it if its owner role has CREATEDB",
				"or create it: createdb --owner " + postgres.OwnerRole + " and its name",
				"or name the right one by --db-url or DB_URL",
			}
		}
		e.fail(server, err.Error(), do...)
		e.skip(migrations, "the database cannot be reached")
		e.skip(roles, "the database cannot be reached")
		return
	}
	e.pool = pool
	found, err := postgres.Inspect(ctx, pool)
	switch {
	case err != nil:
		e.fail(server, fmt.Sprintf("%s: %v", at.Value, err), "look at the server's log")
	case found.Major < oldestPostgres:
		e.fail(server, fmt.Sprintf("PostgreSQL %s at %s", found.Version, at.Value), fmt.Sprintf("use PostgreSQL %d or newer", oldestPostgres))
	case found.Recovery:
		e.fail(server, fmt.Sprintf("PostgreSQL %s at %s is a standby, which takes no writes", found.Version, at.Value), "name the primary by --db-url or DB_URL")
	default:
		e.ok(server, "PostgreSQL %s at %s", found.Version, at.Value)
	}
	e.migrations(ctx, migrations)
	e.roles(ctx, roles)
}

func (e *examination) migrations(ctx context.Context, check string) {
	done, known, err := postgres.Migrations(ctx, e.pool)
	switch {
	case err != nil:
		e.fail(check, err.Error(), "connect as "+postgres.OwnerRole)
	case done == 0:
		e.fail(check, "the database has no control tables", "start the consumer-service, which creates them")
	case done < known:
		e.fail(check, fmt.Sprintf("the database is at %d, this program knows %d", done, known), "start the consumer-service of this version, which migrates")
	case done > known:
		e.fail(check, fmt.Sprintf("the database is at %d, this program knows only %d", done, known), "use the counterfoil and the services of the newer version")
	default:
		e.ok(check, "all %d are done", done)
	}
}

func (e *examination) roles(ctx context.Context, check string) {
	faults, err := postgres.RoleFaults(ctx, e.pool)
	switch {
	case postgres.IsMissing(err):
		e.skip(check, "their rights are in the control tables, which are not there")
	case err != nil:
		e.fail(check, err.Error(), "connect as "+postgres.OwnerRole)
	case len(faults) > 0:
		for _, fault := range faults {
			e.fail(check, fault, roleCure)
		}
	default:
		e.ok(check, "%s, %s and %s are there; %s can only SELECT", postgres.OwnerRole, postgres.WriterRole, postgres.ReaderRole, postgres.ReaderRole)
	}
}

const roleCure = "create the role if it is missing, revoke what is too much, then start the consumer-service, which grants what is needed"
