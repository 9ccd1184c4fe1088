package read

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/filter"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Answer is what an answer says beside its rows.
type Answer struct {
	Version *catalog.Version // that answered
	Next    string           // the token of the page behind this one; "" where this one is the last
}

// Take takes a row: the values of the declaration's columns in their order, each as its Column.Target. They are good until
// it returns. It returns how many bytes of an answer the row takes.
type Take func(v *catalog.Version, row []any) (bytes int, err error)

// PageBytes is how much a page holds before it ends, however few its rows are. One row comes on top, which is not larger
// than a record, so that clients of gRPC that take 4 MiB, as they do by default, take every page.
const PageBytes = 3 << 20

// errFull ends a page before its limit of rows.
var errFull = errors.New("the page is full")

// Query gives the rows that a query in the language of package filter asks for, at most its limit and until PageBytes are
// reached. A query that goes on behind a page (its $after) is answered by the version that gave the page, whichever serves
// meanwhile. take is called for rows of one version only.
func (r *Reader) Query(ctx context.Context, t catalog.Target, source []byte, take Take) (Answer, error) {
	after, err := filter.After(source)
	if err != nil {
		return Answer{}, err
	}
	var behind pageToken
	if after != "" {
		if behind, err = parsePageToken(after); err != nil {
			return Answer{}, err
		}
		if behind.Model != t.Model || t.Number > 0 && behind.Version != t.Number {
			return Answer{}, unusable
		}
		t.Number = behind.Version
	}
	var answer Answer
	err = r.query(ctx, t, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		answer = Answer{Version: v.Version}
		q, err := filter.Parse(source, v.Declaration)
		if err != nil {
			return err
		}
		if v.Rows > r.large {
			if err := q.NeedsIndex(); err != nil {
				return err
			}
		}
		if q.Limit == 0 {
			q.Limit = filter.DefaultLimit
		}
		var p filter.Parameters
		where := q.Where(&p)
		if after != "" {
			place, err := behind.place(q)
			if err != nil {
				return err
			}
			where += " AND " + q.Behind(&p, place)
		}
		// The outer order sorts one page, and promises what the inner one gave.
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		rows, err := db.Query(ctx, `
			SELECT s.stands, r.*
			FROM (SELECT `+v.Stands+` AS stands) s
			LEFT JOIN LATERAL (
				SELECT true AS _there, `+columns(v.Declaration)+` FROM `+table(v)+` WHERE `+where+`
				ORDER BY `+q.OrderBy("")+` LIMIT `+p.Add(q.Limit+1)+` OFFSET `+p.Add(q.Skip)+`) r ON true
			ORDER BY `+q.OrderBy("r"), once(p)...)
		if err != nil {
			return err
		}
		taken, size := 0, 0
		var last []json.RawMessage
		err = forEach(rows, v.Declaration, func(row []any) error {
			if last != nil {
				answer.Next = newPageToken(q, v, last)
				if taken == q.Limit {
					return nil // it is the one row more that was asked for
				}
				stop() // the rest may be a thousand times as much: the connection is given up rather than all of it read
				return errFull
			}
			bytes, err := take(v.Version, row)
			taken, size = taken+1, size+bytes
			if taken == q.Limit || size >= PageBytes {
				last = places(q, v, row)
			}
			return err
		})
		if errors.Is(err, errFull) {
			err = nil
		}
		return err
	})
	return answer, slow(err)
}

// Count returns how many rows a query asks for. It has no pages, and its order has no meaning.
func (r *Reader) Count(ctx context.Context, t catalog.Target, source []byte) (n int64, v *catalog.Version, err error) {
	err = r.query(ctx, t, func(ctx context.Context, db *postgres.Pool, asked catalog.Asked) error {
		v = asked.Version
		q, err := filter.Parse(source, v.Declaration)
		if err != nil {
			return err
		}
		if q.After != "" {
			return fault.New(fault.CodeInvalidQuery, "$after has no meaning for a count, which has no pages.", nil)
		}
		if v.Rows > r.large {
			if err := q.CountNeedsIndex(); err != nil {
				return err
			}
		}
		var p filter.Parameters
		of := `FROM ` + table(asked) + ` WHERE ` + q.Where(&p)
		if q.Limit > 0 || q.Skip > 0 {
			var most any
			if q.Limit > 0 {
				most = q.Limit
			}
			of = `FROM (SELECT ` + of + ` LIMIT ` + p.Add(most) + ` OFFSET ` + p.Add(q.Skip) + `) AS meant`
		}
		rows, err := db.Query(ctx, `SELECT `+asked.Stands+`, (SELECT count(*) `+of+`)`, once(p)...)
		if err != nil {
			return err
		}
		var stands bool
		if _, err := pgx.ForEachRow(rows, []any{&stands, &n}, func() error { return nil }); err != nil {
			return err
		}
		if !stands {
			return catalog.ErrMoved
		}
		return nil
	})
	return n, v, slow(err)
}

// once returns the parameters of a statement that is most likely never asked again: it is not kept prepared, since clients
// make up any number of them.
func once(p filter.Parameters) []any {
	return append([]any{pgx.QueryExecModeDescribeExec}, p.Values...)
}
