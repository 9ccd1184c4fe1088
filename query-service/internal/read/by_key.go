package read

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Key names a row of a model by its primary key.
type Key struct {
	Version int    // 0 for the one that unscoped paths answer from
	Steps   string // the texts of the primary key's columns in their order, joined by Joint
}

// Joint joins the steps of a key; no text that PostgreSQL can keep holds it.
const Joint = "\x00"

// Keyed is what is known of one key.
type Keyed struct {
	Version *catalog.Version // that answered
	Row     []any            // the values of the declaration's columns, each as its Column.Target; nil where there is no such row
	Err     error            // a fault; the key cannot be one of this version
}

// Settled reports whether there is nothing to wait for.
func (k Keyed) Settled() bool { return k.Row != nil || k.Err != nil }

// ParseKey reads the steps of a key as the values of the version's primary key. Its errors are faults that name the step.
func ParseKey(d *readmodel.Declaration, steps []string) ([]any, error) {
	if len(steps) != len(d.PrimaryKey) {
		return nil, fault.New(fault.CodeInvalidParameter, fmt.Sprintf("A row of %s is named by %d steps: %s/{%s}.",
			d.Label(), len(d.PrimaryKey), d.Path, strings.Join(d.PrimaryKey, "}/{")), nil)
	}
	values := make([]any, len(steps))
	for i, name := range d.PrimaryKey {
		column, _ := d.Column(name)
		var err error
		if values[i], err = column.ParseText(steps[i]); err != nil {
			return nil, fault.New(fault.CodeInvalidParameter, name+" "+err.Error()+".", nil)
		}
	}
	return values, nil
}

// ByKeys returns a function that looks rows of the model up, many at a time. Every key has an entry in its result.
func (r *Reader) ByKeys(model string) func(ctx context.Context, keys []Key) (map[Key]Keyed, error) {
	return func(ctx context.Context, keys []Key) (map[Key]Keyed, error) {
		by := map[int][]Key{}
		for _, key := range keys {
			by[key.Version] = append(by[key.Version], key)
		}
		found := make(map[Key]Keyed, len(keys))
		for version, keys := range by {
			if err := r.byKeys(ctx, catalog.Target{Model: model, Number: version}, keys, found); err != nil {
				if len(by) == 1 {
					return nil, err
				}
				for _, key := range keys { // the others are not to suffer from it
					found[key] = Keyed{Err: err}
				}
			}
		}
		return found, nil
	}
}

func (r *Reader) byKeys(ctx context.Context, t catalog.Target, keys []Key, found map[Key]Keyed) error {
	return r.catalog.Ask(ctx, t, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		d := v.Declaration
		meant := make(map[string][]Key, len(keys)) // by the values; the same can be written in several ways
		lists := make([][]any, len(d.PrimaryKey))
		for _, key := range keys {
			values, err := ParseKey(d, strings.Split(key.Steps, Joint))
			found[key] = Keyed{Version: v.Version, Err: err}
			if err != nil {
				continue
			}
			name := readmodel.Canonical(values...)
			if meant[name] == nil {
				for i, value := range values {
					lists[i] = append(lists[i], value)
				}
			}
			meant[name] = append(meant[name], key)
		}
		// Also where no key can be one of this version: it may be one of the next.
		condition, parameters := among(d, lists)
		rows, err := db.Query(ctx, `
			SELECT s.stands, r.* FROM (SELECT `+v.Stands+` AS stands) s
			LEFT JOIN (SELECT true AS _there, `+columns(d)+` FROM `+table(v)+` WHERE `+condition+`) r ON true`, parameters...)
		if err != nil {
			return err
		}
		positions := primary(d)
		var stands bool
		var there pgtype.Bool
		defer rows.Close()
		for rows.Next() {
			all, row := targets(d, &stands, &there)
			if err := rows.Scan(all...); err != nil {
				return err
			}
			if !stands {
				return catalog.ErrMoved
			}
			if !there.Valid {
				continue
			}
			values := make([]any, len(positions))
			for i, position := range positions {
				values[i] = plain(row[position])
			}
			for _, key := range meant[readmodel.Canonical(values...)] {
				found[key] = Keyed{Version: v.Version, Row: row}
			}
		}
		return rows.Err()
	})
}

// primary returns where the columns of the primary key stand in the declaration.
func primary(d *readmodel.Declaration) (positions []int) {
	for _, name := range d.PrimaryKey {
		for i, c := range d.Columns {
			if c.Name == name {
				positions = append(positions, i)
			}
		}
	}
	return positions
}

// among returns the condition that the primary key is one of those in the lists.
func among(d *readmodel.Declaration, lists [][]any) (condition string, parameters []any) {
	var names, casts []string
	for i, name := range d.PrimaryKey {
		column, _ := d.Column(name)
		parameters = append(parameters, column.Array(lists[i]))
		names = append(names, postgres.Identifier(name))
		casts = append(casts, fmt.Sprintf("$%d::%s[]", i+1, column.TypeName()))
	}
	if len(names) == 1 {
		return names[0] + " = ANY ($1)", parameters
	}
	return "(" + strings.Join(names, ", ") + ") IN (SELECT * FROM unnest(" + strings.Join(casts, ", ") + "))", parameters
}
