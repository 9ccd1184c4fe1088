package read

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
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
// not by counting, rows that are inserted meanwhile neither repeat nor hide others. A place in another version than the
// one that serves is an invalid-page-token fault.
func (m *Model) ByTime(ctx context.Context, span Span, behind *Place, limit int) (Page, error) {
	var page Page
	err := m.Ask(ctx, func(ctx context.Context, db *postgres.Pool, v readmodel.Version) error {
		page = Page{ReadModel: v.Label()}
		from := `event_timestamp >= $1 AND event_timestamp < $2`
		args := []any{instant(span.From, pgtype.NegativeInfinity), instant(span.To, pgtype.Infinity), limit + 1}
		if behind != nil {
			if behind.ReadModel != v.Label() {
				return fault.New(fault.CodeInvalidPageToken, "The page token belongs to "+behind.ReadModel+", and "+v.Label()+
					" answers now. Begin again without a page token.", nil)
			}
			from += ` AND (event_timestamp, id) > ($4, $5)`
			args = append(args, behind.At, behind.ID)
		}
		rows, err := db.Query(ctx, `
			SELECT id, event_timestamp, created_at FROM `+postgres.Identifier(v.Schema, v.Table)+`
			WHERE `+from+` ORDER BY event_timestamp, id LIMIT $3`, args...)
		if err != nil {
			return err
		}
		if page.Rows, err = pgx.CollectRows(rows, scanTimestamp); err != nil {
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

// instant returns the end of a span as PostgreSQL takes it.
func instant(at *time.Time, open pgtype.InfinityModifier) pgtype.Timestamptz {
	if at == nil {
		return pgtype.Timestamptz{InfinityModifier: open, Valid: true}
	}
	return pgtype.Timestamptz{Time: *at, Valid: true}
}
