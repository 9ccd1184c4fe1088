package readmodel

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Declared is a version together with the declaration that it was created with.
type Declared struct {
	Version
	Declaration *Declaration
	TableExists bool
}

// DeclaredVersions returns all versions of all read models as they were created, by name and number.
func DeclaredVersions(ctx context.Context, db Database) ([]Declared, error) {
	versions, err := Versions(ctx, db)
	if err != nil {
		return nil, err
	}
	declared := make([]Declared, len(versions))
	for i, version := range versions {
		if declared[i], err = version.declared(ctx, db); err != nil {
			return nil, err
		}
	}
	return declared, nil
}

func (v Version) declared(ctx context.Context, db Database) (Declared, error) {
	exists, err := TableExists(ctx, db, v)
	if err != nil {
		return Declared{}, err
	}
	declaration, err := StoredDeclaration(ctx, db, v)
	return Declared{v, declaration, exists}, err
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
