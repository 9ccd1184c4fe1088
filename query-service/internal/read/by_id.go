package read

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
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
func (m *Model) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]ByID, error) {
	var found map[uuid.UUID]ByID
	err := m.Ask(ctx, func(ctx context.Context, db *postgres.Pool, v readmodel.Version) error {
		rows, err := db.Query(ctx, `
			SELECT id, event_timestamp, created_at FROM `+postgres.Identifier(v.Schema, v.Table)+` WHERE id = ANY($1)`, UUIDs(ids))
		if err != nil {
			return err
		}
		timestamps, err := pgx.CollectRows(rows, scanTimestamp)
		if err != nil {
			return err
		}
		found = make(map[uuid.UUID]ByID, len(ids))
		for _, id := range ids {
			found[id] = ByID{ReadModel: v.Label()}
		}
		for i, t := range timestamps {
			found[t.ID] = ByID{ReadModel: v.Label(), Row: &timestamps[i]}
		}
		return nil
	})
	return found, err
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

func scanTimestamp(row pgx.CollectableRow) (t Timestamp, err error) {
	err = row.Scan(&t.ID, &t.EventTimestamp, &t.CreatedAt)
	return t, err
}
