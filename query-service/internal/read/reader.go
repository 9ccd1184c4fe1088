// Package read puts questions about rows to the read models.
//
// It promises that an answer names the version that gave it, that it is of one snapshot in which that version was the one
// to ask (package catalog), and that a failure is a fault that says whether the database is away, the read model is missing,
// or the question is not acceptable. Queries of clients have some of the connections, so that look-ups always find one. It
// never writes. Packages api, rpc and wait ask it.
package read

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Reader reads rows.
type Reader struct {
	catalog *catalog.Catalog
	large   int64
	queries chan struct{} // holds a token for each query of a client that runs
	queue   time.Duration // how long others wait
}

// New returns a reader. A filter or an order over a table of more than large rows needs an index. At most queries of
// clients run at the same time; others wait for them, for as long as queue.
func New(c *catalog.Catalog, large int64, queries int, queue time.Duration) *Reader {
	return &Reader{catalog: c, large: large, queries: make(chan struct{}, queries), queue: queue}
}

// query puts a question of a client, whose cost is not known, when one of the places for them is free.
func (r *Reader) query(ctx context.Context, t catalog.Target, question catalog.Question) error {
	err := r.catalog.Ask(ctx, t, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		if err := r.enter(ctx); err != nil {
			return err
		}
		defer func() { <-r.queries }()
		return question(ctx, db, v)
	})
	if err != nil && fault.Of(err).Code == fault.CodeRefusedByDatabase {
		return fault.New(fault.CodeInvalidQuery, "PostgreSQL refuses a value of the query.", err)
	}
	return err
}

// enter waits for a place.
func (r *Reader) enter(ctx context.Context) error {
	full := time.NewTimer(r.queue)
	defer full.Stop()
	select {
	case r.queries <- struct{}{}:
		return nil
	case <-full.C:
		return fault.New(fault.CodeTooManyQueries, "All places for lists, counts and queries are taken. Ask again in a moment.", nil)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// slow tells a client whose query PostgreSQL gave up that it is the query, and not PostgreSQL, that is in the way.
func slow(err error) error {
	if !postgres.IsGivenUp(err) {
		return err
	}
	return fault.New(fault.CodeQueryTooSlow,
		"The query takes too long. Ask for less: a narrower $filter on columns with an index, a smaller $limit, no $skip.", err)
}

// columns returns the columns for SELECT in the order of the declaration. JSON is selected as its text.
func columns(d *readmodel.Declaration) string {
	names := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		names[i] = postgres.Identifier(c.Name)
		if c.TypeName() == "jsonb" {
			names[i] += "::text AS " + names[i]
		}
	}
	return strings.Join(names, ", ")
}

func table(v catalog.Asked) string { return postgres.Identifier(v.Schema, v.Table) }

// targets returns what rows of the version are scanned into, with others in front.
func targets(d *readmodel.Declaration, front ...any) (all, row []any) {
	for _, c := range d.Columns {
		row = append(row, c.Target())
	}
	return append(front, row...), row
}

// forEach calls take for every row of a statement that selects, before the columns of the declaration, whether the version
// stands and whether there is a row: a statement that finds nothing returns one row that says so.
func forEach(rows pgx.Rows, d *readmodel.Declaration, take func(row []any) error) error {
	var stands bool
	var there pgtype.Bool
	all, row := targets(d, &stands, &there)
	_, err := pgx.ForEachRow(rows, all, func() error {
		if !stands {
			return catalog.ErrMoved
		}
		if !there.Valid {
			return nil
		}
		return take(row)
	})
	return err
}
