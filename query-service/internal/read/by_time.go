package read

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Span is a stretch of event time: From is in it, To is not. A nil end is open.
type Span struct {
	From, To *time.Time
}

// Place is the place of a row in the order of event time and id, in one version of the read model.
type Place struct {
	ReadModel string // the version's label
	At        time.Time
	ID        uuid.UUID
}

// Page is a stretch of rows in the order of event time and id.
type Page struct {
	ReadModel string // the label of the version that answered
	Rows      []Timestamp
	Last      *Place // where the next page begins behind; nil where this page is the last
}

// ByTime returns the first rows of the span, at most limit, or the first behind a place. As pages are found by place and
// not by counting, rows that are inserted meanwhile neither repeat nor hide others. What is behind a place is answered by the
// version of the place, whichever serves meanwhile.
func (r *Reader) ByTime(ctx context.Context, span Span, behind *Place, limit int) (Page, error) {
	target := catalog.Target{Model: TimestampModel}
	if behind != nil {
		var err error
		if target, err = behind.target(); err != nil {
			return Page{}, err
		}
	}
	var page Page
	err := r.query(ctx, target, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		o, err := OriginsOf(v)
		if err != nil {
			return err
		}
		page = Page{ReadModel: v.Label()}
		where := o.EventTimestamp + ` >= $1 AND ` + o.EventTimestamp + ` < $2`
		args := []any{instant(span.From, pgtype.NegativeInfinity), instant(span.To, pgtype.Infinity), limit + 1}
		if behind != nil {
			where += ` AND (` + o.EventTimestamp + `, ` + o.ID + `) > ($4, $5)`
			args = append(args, behind.At, behind.ID)
		}
		rows, err := db.Query(ctx, `
			SELECT s.stands, r.id, r.event_timestamp, r.created_at FROM (SELECT `+v.Stands+` AS stands) s
			LEFT JOIN LATERAL (
				SELECT `+o.selected()+` FROM `+table(v)+` WHERE `+where+`
				ORDER BY `+o.EventTimestamp+`, `+o.ID+` LIMIT $3) r ON true
			ORDER BY r.event_timestamp, r.id`, args...)
		if err != nil {
			return err
		}
		if page.Rows, err = collectTimestamps(rows, limit+1); err != nil {
			return err
		}
		if len(page.Rows) > limit {
			page.Rows = page.Rows[:limit]
			last := page.Rows[limit-1]
			page.Last = &Place{ReadModel: v.Label(), At: last.EventTimestamp, ID: last.ID}
		}
		return nil
	})
	return page, err
}

// target returns the version that the place is in.
func (p Place) target() (catalog.Target, error) {
	name, number, _ := strings.Cut(p.ReadModel, "/v")
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || name != TimestampModel {
		return catalog.Target{}, unusable
	}
	return catalog.Target{Model: name, Number: n}, nil
}

// instant returns the end of a span as PostgreSQL takes it.
func instant(at *time.Time, open pgtype.InfinityModifier) pgtype.Timestamptz {
	if at == nil {
		return pgtype.Timestamptz{InfinityModifier: open, Valid: true}
	}
	return pgtype.Timestamptz{Time: *at, Valid: true}
}
