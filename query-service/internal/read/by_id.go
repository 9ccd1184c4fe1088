package read

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Timestamp is a row of the timestamp read model.
type Timestamp struct {
	ID             uuid.UUID
	EventTimestamp time.Time
	CreatedAt      time.Time
}

// ByID is what is known of one id.
type ByID struct {
	ReadModel string     // the label of the version that answered
	Row       *Timestamp // nil where it has no such row
}

// Found reports whether there is a row.
func (b ByID) Found() bool { return b.Row != nil }

// ByIDs looks all ids up in one query. Every id has an entry in the result.
func (r *Reader) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]ByID, error) {
	var found map[uuid.UUID]ByID
	err := r.catalog.Ask(ctx, catalog.Target{Model: TimestampModel}, func(ctx context.Context, db *postgres.Pool, v catalog.Asked) error {
		o, err := OriginsOf(v)
		if err != nil {
			return err
		}
		rows, err := db.Query(ctx, `
			SELECT s.stands, r.id, r.event_timestamp, r.created_at FROM (SELECT `+v.Stands+` AS stands) s
			LEFT JOIN (SELECT `+o.selected()+` FROM `+table(v)+` WHERE `+o.ID+` = ANY ($1)) r ON true`, UUIDs(ids))
		if err != nil {
			return err
		}
		timestamps, err := collectTimestamps(rows, len(ids))
		if err != nil {
			return err
		}
		label := v.Label()
		found = make(map[uuid.UUID]ByID, len(ids))
		for _, id := range ids {
			found[id] = ByID{ReadModel: label}
		}
		for i, t := range timestamps {
			found[t.ID] = ByID{ReadModel: label, Row: &timestamps[i]}
		}
		return nil
	})
	return found, err
}

// selected returns the columns under the names that the published routes show.
func (o Origins) selected() string {
	return o.ID + " AS id, " + o.EventTimestamp + " AS event_timestamp, " + o.CreatedAt + " AS created_at"
}

// collectTimestamps collects the rows of a statement that selects whether the version stands before the columns, and that
// returns one row of nulls where there is none.
func collectTimestamps(rows pgx.Rows, most int) ([]Timestamp, error) {
	timestamps := make([]Timestamp, 0, most)
	var stands bool
	var id pgtype.UUID
	var event, created pgtype.Timestamptz
	_, err := pgx.ForEachRow(rows, []any{&stands, &id, &event, &created}, func() error {
		if !stands {
			return catalog.ErrMoved
		}
		if id.Valid {
			timestamps = append(timestamps, Timestamp{id.Bytes, event.Time, created.Time})
		}
		return nil
	})
	return timestamps, err
}

// UUIDs returns the ids in the form that pgx sends as they are. Those of package uuid it would make texts of, one by one,
// which is most of the garbage of a query for thousands.
func UUIDs(ids []uuid.UUID) []pgtype.UUID {
	plain := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		plain[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return plain
}
