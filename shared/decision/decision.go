// Package decision is the contract of the control topic: what people decided about records that cannot apply and about
// history that was lost.
//
// Decisions are records, so that applying all topics to an empty database takes them again and ends in the same state
// (G7). The CLI writes them, the consumer-service applies them.
package decision

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/position"
)

// Topic is the default control topic. It has one partition: decisions are few, and their order counts.
const Topic = "counterfoil.control.v1"

// Verb is what was decided.
type Verb string

// The decisions.
const (
	Retry      Verb = "retry"       // apply the parked record again, then those that wait behind it
	Discard    Verb = "discard"     // never apply the parked record; apply those that wait behind it
	AcceptLoss Verb = "accept-loss" // go on at the position although records before it are gone
)

// Decision is the value of a record of the control topic.
type Decision struct {
	Verb      Verb
	ReadModel string            // the name; a decision holds for all versions
	Position  position.Position // of the parked record, or where to go on
	Reason    string
	By        string // who decided

	// AcceptLoss only: the identity of the topic that Position belongs to, and the checkpoint that was refused, nil where
	// there was none.
	TopicID    uuid.UUID
	Checkpoint *int64
}

// document is a decision's JSON form.
type document struct {
	Decision   Verb       `json:"decision"`
	ReadModel  string     `json:"read_model"`
	Position   string     `json:"position"`
	TopicID    *uuid.UUID `json:"topic_id,omitempty"`
	Checkpoint *int64     `json:"checkpoint,omitempty"`
	Reason     string     `json:"reason"`
	By         string     `json:"by"`
}

// Value returns the record's value.
func (d Decision) Value() ([]byte, error) {
	doc := document{Decision: d.Verb, ReadModel: d.ReadModel, Position: d.Position.String(), Reason: d.Reason, By: d.By, Checkpoint: d.Checkpoint}
	if d.TopicID != uuid.Nil {
		doc.TopicID = &d.TopicID
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// Key returns the record's key: what is decided about.
func (d Decision) Key() []byte { return []byte(d.ReadModel + " " + d.Position.String()) }

// Parse reads a record's value. Its error says what is wrong.
func Parse(value []byte) (Decision, error) {
	var doc document
	if err := json.Unmarshal(value, &doc); err != nil {
		return Decision{}, fmt.Errorf("the value is not a decision in JSON")
	}
	at, err := position.Parse(doc.Position)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Verb: doc.Decision, ReadModel: doc.ReadModel, Position: at, Reason: doc.Reason, By: doc.By, Checkpoint: doc.Checkpoint}
	if doc.TopicID != nil {
		d.TopicID = *doc.TopicID
	}
	return d, d.check()
}

func (d Decision) check() error {
	switch d.Verb {
	case Retry, Discard, AcceptLoss:
	default:
		return fmt.Errorf("there is no decision of that name; there are %s, %s and %s", Retry, Discard, AcceptLoss)
	}
	if d.ReadModel == "" {
		return fmt.Errorf("a decision names a read model")
	}
	for _, text := range []string{d.ReadModel, d.Reason, d.By} {
		if len(text) > 1000 || strings.ContainsRune(text, 0) {
			return fmt.Errorf("the texts of a decision have at most 1000 characters, and no NUL")
		}
	}
	if strings.TrimSpace(d.Reason) == "" || strings.TrimSpace(d.By) == "" {
		return fmt.Errorf("a decision has a reason and says who decided")
	}
	return nil
}
