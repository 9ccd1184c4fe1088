package readmodel

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"
)

// Declared is a version together with the declaration that it was created with.
type Declared struct {
	Version
	Declaration *Declaration // where it is refused, no more than its name, version, path and table
	Refused     error        // why this program cannot use the declaration that another one stored
	TableExists bool
	Rows        int64 // as PostgreSQL estimates them; 0 where it does not know yet

	stored string
}

// DeclaredVersions returns all versions of all read models as they were created, by name and number.
func DeclaredVersions(ctx context.Context, db Database) ([]Declared, error) {
	versions, err := DeclaredVersionsAfter(ctx, db, nil)
	for _, v := range versions {
		err = errors.Join(err, v.Refused)
	}
	return versions, err
}

// DeclaredVersionsAfter returns the same, from one snapshot, for who asks often: declarations that are as they were before
// are not read again, and keep their address. A declaration that this program refuses is no error for the others.
func DeclaredVersionsAfter(ctx context.Context, db Database, before []Declared) ([]Declared, error) {
	rows, err := db.Query(ctx, `
		SELECT m.name, m.version, m.schema_name, m.table_name, m.group_id, m.state, m.previous, m.indexed, m.allow_parked, m.builder, m.changed_at,
			m.fingerprint, m.declaration, t.readable IS NOT NULL,
			-- The second is right sooner after many rows came, the first after a restart.
			greatest(coalesce(c.reltuples, 0), coalesce(pg_stat_get_live_tuples(c.oid), 0), 0)::bigint
		FROM counterfoil.read_models m
		CROSS JOIN LATERAL (SELECT
			to_regclass(format('%I.%I', m.schema_name, m.table_name)) AS readable,
			to_regclass(format('%I.%I', m.schema_name, m.table_name || '_state')) AS written) t
		LEFT JOIN pg_class c ON c.oid = coalesce(t.written, t.readable)
		ORDER BY m.name, m.version`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Declared, err error) {
		v := &d.Version
		err = row.Scan(&v.Name, &v.Number, &v.Schema, &v.Table, &v.Group, &v.State, &v.Previous, &v.Indexed, &v.AllowParked, &v.Builder, &v.ChangedAt,
			&v.Fingerprint, &d.stored, &d.TableExists, &d.Rows)
		if err != nil {
			return d, err
		}
		for _, known := range before {
			if known.Schema == v.Schema && known.stored == d.stored {
				d.Declaration, d.Refused = known.Declaration, known.Refused
				return d, nil
			}
		}
		if d.Declaration, d.Refused = storedDeclaration(*v, d.stored); d.Refused != nil {
			d.Declaration = outline(*v, d.stored)
		}
		return d, nil
	})
}

// TableExists reports whether there is what readers of the version select from.
func TableExists(ctx context.Context, db Database, v Version) (bool, error) {
	return holds(ctx, db, `SELECT to_regclass(format('%I.%I', $1::text, $2::text)) IS NOT NULL`, v.Schema, v.Table)
}

// StoredDeclaration returns the declaration that the version was created with.
func StoredDeclaration(ctx context.Context, db Database, v Version) (*Declaration, error) {
	rows, err := db.Query(ctx, `SELECT declaration FROM counterfoil.read_models WHERE name = $1 AND version = $2`, v.Name, v.Number)
	if err != nil {
		return nil, err
	}
	stored, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	return storedDeclaration(v, stored)
}

// outline returns what can be said of a version whose declaration is refused.
func outline(v Version, text string) *Declaration {
	d := Declaration{Name: v.Name, Version: v.Number, Table: v.Table}
	var said struct{ Path string }
	if yaml.Unmarshal([]byte(text), &said) == nil && route.MatchString(said.Path) && !slices.Contains(reserved, said.Path) {
		d.Path = said.Path
	}
	d.complete()
	return &d
}

func storedDeclaration(v Version, stored string) (*Declaration, error) {
	d, err := parse("the declaration of "+v.Label(), []byte(stored), nil)
	if err != nil {
		return nil, err
	}
	return d.Numbered(v.Number), nil
}

// Parked says how many records of a version are set aside for one reason.
type Parked struct {
	ReadModel string
	Version   int
	State     string // parked, or waiting behind one that is
	Code      string
	Records   int64
	Latest    time.Time
}

// ParkedRecords counts the records that are parked or wait behind one, by version, state and code. What was discarded is
// decided and does not count.
func ParkedRecords(ctx context.Context, db Database) ([]Parked, error) {
	rows, err := db.Query(ctx, `
		SELECT read_model, version, state, code, count(*), max(parked_at) FROM counterfoil.parked
		WHERE state <> 'discarded'
		GROUP BY read_model, version, state, code ORDER BY read_model, version, state, code`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Parked])
}
