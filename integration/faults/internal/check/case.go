package check

import (
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

// command is what a client asked for, however often.
type command struct {
	number   int64
	payload  time.Time
	attempts []ledger.Attempt
	id       string // "" where no answer named it

	records []Record // in the order of the topic
	rows    []Row
}

// fate is what a client may expect of a command.
type fate int

const (
	kept    fate = iota // exactly once
	unknown             // once or not at all
	refused             // not at all
)

func (c *command) fate() fate {
	worst := refused
	for _, a := range c.attempts {
		switch a.Outcome {
		case ledger.Acknowledged:
			return kept
		case ledger.Refused:
		default:
			worst = unknown
		}
	}
	return worst
}

// place is in the topic, named by partition and offset.
type place struct {
	partition int32
	offset    int64
}

// history with its indexes.
type judged struct {
	History
	verdict  Verdict
	commands []*command
	byID     map[string]*command
	// Payloads are unique, so a command whose id no answer named is still known by it.
	byPayload map[int64]*command
	at        map[place]Record
}

func newCase(h History) *judged {
	c := &judged{History: h, byID: map[string]*command{}, byPayload: map[int64]*command{}, at: map[place]Record{}}
	byNumber := map[int64]*command{}
	for _, a := range h.Attempts {
		known := byNumber[a.Command]
		if known == nil {
			known = &command{number: a.Command, payload: a.Payload}
			byNumber[a.Command] = known
			c.commands = append(c.commands, known)
			c.byPayload[a.Payload.UnixMicro()] = known
		}
		known.attempts = append(known.attempts, a)
		if a.ID == "" {
			continue
		}
		if known.id != "" && known.id != a.ID {
			c.verdict.wrong(TwoTickets, "command %d is %s and %s", a.Command, known.id, a.ID)
		}
		known.id = a.ID
		c.byID[a.ID] = known
	}
	c.verdict.Commands = len(c.commands)
	for _, r := range h.Records {
		c.at[place{r.Partition, r.Offset}] = r
		if known := c.whose(r.ID, r.Payload); known != nil {
			known.records = append(known.records, r)
		}
	}
	for _, r := range h.Rows {
		if known := c.whose(r.ID, r.Payload); known != nil {
			known.rows = append(known.rows, r)
		}
	}
	return c
}

// whose returns the command that an id and a payload belong to, nil where nobody sent it.
func (c *judged) whose(id string, payload time.Time) *command {
	if known := c.byID[id]; known != nil {
		return known
	}
	return c.byPayload[payload.UnixMicro()]
}
