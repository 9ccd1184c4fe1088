// Package ticket says what became of a command.
//
// It promises that an answer comes from one snapshot of the database, so that row, parked record and checkpoint belong
// together, and that with the position of the command's record the answer is exact: a checkpoint past the position, with
// neither a row nor a parked record, means that there never was such a command. Package api asks it.
package ticket

import (
	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/position"
)

// Question is a ticket in a client's hands.
type Question struct {
	ID    uuid.UUID
	At    position.Position // the zero value where the client did not give it
	Exact bool              // the client gave the position
}

// Outcome is what became of a command.
type Outcome string

// The outcomes that clients see, and two that are answered as errors.
const (
	Applied  Outcome = "applied"  // its row is there
	Parked   Outcome = "parked"   // it cannot apply, and was set aside for a person
	Rejected Outcome = "rejected" // a person decided that it shall not apply
	Pending  Outcome = "pending"  // none of them, so far

	Never   Outcome = "never"   // the read model is past its position and has neither
	Foreign Outcome = "foreign" // its position is in a topic that the read model does not read
)

// Answer is what is known of a ticket.
type Answer struct {
	ReadModel string // the label of the version that answered
	Outcome   Outcome
	Code      string // why it was parked, or could not apply before it was rejected
	Reason    string // the same for a person; safe to show
	Ahead     *int64 // how many records of its partition are to be applied before it; nil where that is not known
}

// Settled reports whether the outcome will stay.
func (a Answer) Settled() bool { return a.Outcome != Pending && a.Outcome != "" }

// evidence is what the database holds about a question.
type evidence struct {
	row         bool
	state       string // of a record that was set aside: parked, waiting (behind one that is) or discarded; "" where there is none
	at          bool   // that record is the one at the position
	code        string
	reason      string
	next        *int64 // the checkpoint of the position's partition
	anyTopic    bool   // the version's group has checkpoints
	topicIsRead bool   // one of them is of the position's topic
}

// judge draws the conclusion. What was discarded is the end only of records up to there: a repeat of the command that is
// still to come can apply.
func (q Question) judge(e evidence) Answer {
	passed := e.next != nil && *e.next > q.At.Offset
	switch {
	case e.row:
		return Answer{Outcome: Applied}
	case e.state == "parked", e.state == "waiting":
		return Answer{Outcome: Parked, Code: e.code, Reason: e.reason}
	case e.state == "discarded" && (!q.Exact || e.at || passed):
		return Answer{Outcome: Rejected, Code: e.code, Reason: e.reason}
	case q.Exact && e.anyTopic && !e.topicIsRead:
		return Answer{Outcome: Foreign}
	case q.Exact && passed:
		return Answer{Outcome: Never}
	case q.Exact && e.next != nil:
		ahead := q.At.Offset - *e.next
		return Answer{Outcome: Pending, Ahead: &ahead}
	default:
		return Answer{Outcome: Pending}
	}
}
