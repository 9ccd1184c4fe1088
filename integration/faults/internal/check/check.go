// Package check says whether the services kept their promises, from what a client was told, what the topic holds, what the
// table holds and what readers saw. It asks nobody: the same history gets the same verdict.
package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

// A Record is what the topic holds at one place.
type Record struct {
	Partition int32
	Offset    int64
	Timestamp time.Time // as a consumer sees it
	ID        string    // of the command
	Payload   time.Time
	Problem   string // why it is no command; "" when it is one
}

// A Row is what the table holds for one command.
type Row struct {
	ID        string
	Payload   time.Time
	CreatedAt time.Time
}

// Sight is what a reader saw.
type Sight string

// The sights.
const (
	Seen   Sight = "seen"   // the row, or a ticket that says that it is there
	Unseen Sight = "unseen" // not there, or pending
	Never  Sight = "never"  // a ticket that says that there never was such a command
	Parked Sight = "parked" // a ticket that says that the command was set aside
)

// An Observation is one answer that a reader got about one command.
type Observation struct {
	ID           string
	Exact        bool // it asked with the position of an acknowledged command
	Last         bool // it was asked after everything had healed, with patience
	Began, Ended time.Time
	Sight        Sight
	Payload      time.Time // of a row
	CreatedAt    time.Time // of a row
}

// A History is all that is known once everything has healed.
type History struct {
	Attempts     []ledger.Attempt
	Records      []Record
	Rows         []Row
	Set          []string // ids of the commands that were set aside
	Observations []Observation
}

// A Rule is a promise that a history can break.
type Rule string

// The rules.
const (
	Lost          Rule = "an acknowledged command is lost"
	Doubled       Rule = "a command is there twice"
	WrongPayload  Rule = "a command is there with another payload"
	WrongTime     Rule = "created_at is not the broker's"
	Stranger      Rule = "something is there that nobody sent"
	Unwanted      Rule = "a refused command is there"
	NotApplied    Rule = "a record was never applied"
	NoRecord      Rule = "a row has no record"
	WrongPosition Rule = "a ticket's position is not its record's"
	TwoTickets    Rule = "a repeat got another ticket"
	SetAside      Rule = "a good command was set aside"
	WentBack      Rule = "a reader saw a command and then did not"
	Denied        Rule = "a ticket of an acknowledged command is denied"
	NeverAnswered Rule = "an acknowledged command was never answered"
	Odd           Rule = "an answer is none that a client can expect"
)

// A Violation is a rule that was broken, and where.
type Violation struct {
	Rule  Rule
	Where string
}

func (v Violation) String() string { return string(v.Rule) + ": " + v.Where }

// A Verdict is what a history comes to.
type Verdict struct {
	Violations []Violation

	Attempts, Commands             int
	Acknowledged, Unknown, Refused int // commands
	UnknownKept                    int // unknown commands that are there
	Records, Repeats, Rows         int // repeats are records of a command beyond its first
	Observations                   int
}

// Count returns how often the rules were broken.
func (v *Verdict) Count(rules ...Rule) int {
	n := 0
	for _, violation := range v.Violations {
		if slices.Contains(rules, violation.Rule) {
			n++
		}
	}
	return n
}

func (v *Verdict) wrong(rule Rule, format string, args ...any) {
	v.Violations = append(v.Violations, Violation{rule, fmt.Sprintf(format, args...)})
}

// Check judges the history.
func Check(h History) Verdict {
	c := newCase(h)
	v := &c.verdict
	v.Attempts, v.Records, v.Rows, v.Observations = len(h.Attempts), len(h.Records), len(h.Rows), len(h.Observations)
	for _, command := range c.commands {
		c.judge(command)
	}
	c.records()
	c.rows()
	for _, id := range h.Set {
		v.wrong(SetAside, "%s", id)
	}
	c.readers()
	return *v
}
