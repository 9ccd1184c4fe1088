package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Event is something that happened to a version: mostly that it came into a state, whose name is then the event's.
type Event struct {
	Name    string    `json:"read_model"`
	Version int       `json:"version"`
	Event   string    `json:"event"`
	By      string    `json:"by"` // who did it
	Reason  string    `json:"reason,omitempty"`
	Details any       `json:"details,omitempty"` // what else there is to know, as JSON; nil where there is nothing
	At      time.Time `json:"at"`                // set where it is read
}

// The events that are not named for the state that the version came into.
const (
	EventReplaced = "replaced" // another version serves in its place; it is ready and can be gone back to
	EventVerified = "verified" // it compared equal with the serving version
	EventDiffers  = "differs"  // it did not
	EventBuilder  = "builder"  // another process applies records to it
	EventGroup    = "group"    // another consumer group applies records to it, from the beginning on
	EventAllowed  = "allowed"  // somebody allowed records that only this version cannot apply
)

// note records an event in the transaction in which it happens.
func note(ctx context.Context, db Database, e Event) error {
	details := []byte("{}")
	if e.Details != nil {
		var err error
		if details, err = json.Marshal(e.Details); err != nil {
			return fmt.Errorf("note %s of %s: %w", e.Event, Label(e.Name, e.Version), err)
		}
	}
	_, err := db.Exec(ctx, `
		INSERT INTO counterfoil.read_model_history (name, version, event, changed_by, reason, details)
		VALUES ($1, $2, $3, $4, $5, $6)`, e.Name, e.Version, e.Event, e.By, e.Reason, details)
	if err != nil {
		return fmt.Errorf("note %s of %s: %w", e.Event, Label(e.Name, e.Version), err)
	}
	return nil
}

// Events returns what happened to the versions of a model, or of all where it is "", the oldest first.
func Events(ctx context.Context, db Database, model string) ([]Event, error) {
	rows, err := db.Query(ctx, `
		SELECT name, version, event, changed_by, reason, details, changed_at FROM counterfoil.read_model_history
		WHERE $1 IN ('', name) ORDER BY id`, model)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Event, err error) {
		var details json.RawMessage
		err = row.Scan(&e.Name, &e.Version, &e.Event, &e.By, &e.Reason, &details, &e.At)
		if string(details) != "{}" {
			e.Details = details
		}
		return e, err
	})
}
