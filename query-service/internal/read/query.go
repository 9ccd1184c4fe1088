package read

import (
	"context"
	"encoding/json"

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
// it returns.
type Take func(v *catalog.Version, row []any) error

// Query gives the rows that a query in the language of package filter asks for, at most its limit. A query that goes on
// behind a page (its $after) is answered by the version that gave the page, whichever serves meanwhile. take is called for
// rows of one version only.
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
		taken := 0
		var last []json.RawMessage
		return forEach(rows, v.Declaration, func(row []any) error {
			if taken++; taken > q.Limit {
				answer.Next = newPageToken(q, v, last)
				return nil
			}
			if taken == q.Limit {
				last = places(q, v, row)
			}
			return take(v.Version, row)
		})
	})
	return answer, err
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
	return n, v, err
}

// once returns the parameters of a statement that is most likely never asked again: it is not kept prepared, since clients
// make up any number of them.
func once(p filter.Parameters) []any {
	return append([]any{pgx.QueryExecModeDescribeExec}, p.Values...)
}
