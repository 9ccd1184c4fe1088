package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
)

// Event is something that happened to a version: mostly that it came into a state, whose name is then the event's.
type Event struct {
	Name    string
	Version int
	Event   string
	By      string // who did it
	Reason  string
	Details any // what else there is to know, as JSON; nil where there is nothing
}

// note records an event in the transaction in which it happens.
func note(ctx context.Context, db Database, e Event) error {
	details := []byte("{}")
	if e.Details != nil {
		var err error
		if details, err = json.Marshal(e.Details); err != nil {
			return fmt.Errorf("note %s of %s/v%d: %w", e.Event, e.Name, e.Version, err)
		}
	}
	_, err := db.Exec(ctx, `
		INSERT INTO counterfoil.read_model_history (name, version, event, changed_by, reason, details)
		VALUES ($1, $2, $3, $4, $5, $6)`, e.Name, e.Version, e.Event, e.By, e.Reason, details)
	if err != nil {
		return fmt.Errorf("note %s of %s/v%d: %w", e.Event, e.Name, e.Version, err)
	}
	return nil
}
