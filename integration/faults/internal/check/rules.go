package check

import (
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
	"github.com/counterfoil/counterfoil/shared/position"
)

// judge holds a command to what its client was told.
func (c *judged) judge(k *command) {
	v := &c.verdict
	fate := k.fate()
	switch fate {
	case kept:
		v.Acknowledged++
		if len(k.rows) == 0 {
			v.wrong(Lost, "command %d, %s, has no row", k.number, k.id)
		}
		if len(k.records) == 0 {
			v.wrong(Lost, "command %d, %s, has no record", k.number, k.id)
		}
	case unknown:
		v.Unknown++
		if len(k.rows) > 0 {
			v.UnknownKept++
		}
	case refused:
		v.Refused++
		if len(k.rows) > 0 || len(k.records) > 0 {
			v.wrong(Unwanted, "command %d has %d records and %d rows: %s", k.number, len(k.records), len(k.rows), k.attempts[0].Detail)
		}
	}
	if len(k.rows) > 1 {
		v.wrong(Doubled, "command %d has %d rows, of which %s and %s", k.number, len(k.rows), k.rows[0].ID, k.rows[1].ID)
	}
	v.Repeats += max(0, len(k.records)-1)
	for _, a := range k.attempts {
		if a.Outcome == ledger.Acknowledged {
			c.ticket(k, a)
		}
		if a.Outcome == ledger.Unknown && a.ID == "" {
			v.wrong(Odd, "attempt %d: %s", a.Number, a.Detail)
		}
	}
}

// ticket holds a ticket to the record that it names.
func (c *judged) ticket(k *command, a ledger.Attempt) {
	if a.ID == "" {
		c.verdict.wrong(Odd, "attempt %d has a ticket without an id", a.Number)
	}
	if a.Position == "" {
		return // it may be unknown although the record is kept
	}
	at, err := position.Parse(a.Position)
	if err != nil {
		c.verdict.wrong(WrongPosition, "command %d: %v", k.number, err)
		return
	}
	if r, there := c.at[place{at.Partition, at.Offset}]; !there || r.ID != a.ID {
		c.verdict.wrong(WrongPosition, "command %d, %s, is said to be at %s, where %q is", k.number, a.ID, a.Position, r.ID)
	}
}

// records holds the topic to the clients' word, and the table to the topic.
func (c *judged) records() {
	rows := make(map[string]bool, len(c.Rows))
	for _, r := range c.Rows {
		rows[r.ID] = true
	}
	told := map[string]bool{}
	for _, r := range c.Records {
		if r.Problem != "" {
			c.verdict.wrong(Stranger, "the record at %d@%d: %s", r.Partition, r.Offset, r.Problem)
			continue
		}
		k := c.whose(r.ID, r.Payload)
		if k == nil {
			c.verdict.wrong(Stranger, "the record at %d@%d, %s", r.Partition, r.Offset, r.ID)
			continue
		}
		if !r.Payload.Equal(k.payload) {
			c.verdict.wrong(WrongPayload, "the record at %d@%d, %s, says %s instead of %s", r.Partition, r.Offset, r.ID, r.Payload, k.payload)
		}
		if !rows[r.ID] && !told[r.ID] {
			told[r.ID] = true
			c.verdict.wrong(NotApplied, "the record at %d@%d, %s", r.Partition, r.Offset, r.ID)
		}
	}
}

// rows holds the table to the clients' word and to the topic.
func (c *judged) rows() {
	first := make(map[string]Record, len(c.Records))
	for _, r := range c.Records {
		if before, there := first[r.ID]; !there || before.Partition == r.Partition && r.Offset < before.Offset {
			first[r.ID] = r
		}
	}
	ids := make(map[string]bool, len(c.Rows))
	for _, r := range c.Rows {
		if ids[r.ID] {
			c.verdict.wrong(Doubled, "the row %s", r.ID)
		}
		ids[r.ID] = true
		k := c.whose(r.ID, r.Payload)
		if k == nil {
			c.verdict.wrong(Stranger, "the row %s", r.ID)
			continue
		}
		if !r.Payload.Equal(k.payload) {
			c.verdict.wrong(WrongPayload, "the row %s says %s instead of %s", r.ID, r.Payload, k.payload)
		}
		record, there := first[r.ID]
		if !there {
			c.verdict.wrong(NoRecord, "the row %s", r.ID)
		} else if !r.CreatedAt.Equal(record.Timestamp) {
			c.verdict.wrong(WrongTime, "the row %s says %s instead of %s", r.ID, r.CreatedAt, record.Timestamp)
		}
	}
}

// readers holds what readers saw to the tickets and to each other: a command that anybody has seen is seen by everybody
// who asks afterwards, and stays what it is.
func (c *judged) readers() {
	rows := make(map[string]Row, len(c.Rows))
	for _, r := range c.Rows {
		rows[r.ID] = r
	}
	seen := map[string]time.Time{} // since when
	answered := map[string]bool{}
	for _, o := range c.Observations {
		if o.Sight != Seen {
			continue
		}
		if since, before := seen[o.ID]; !before || o.Ended.Before(since) {
			seen[o.ID] = o.Ended
		}
		answered[o.ID] = answered[o.ID] || o.Last
		if o.CreatedAt.IsZero() {
			continue // a ticket
		}
		k := c.whose(o.ID, o.Payload)
		switch row, there := rows[o.ID]; {
		case k == nil:
			c.verdict.wrong(Stranger, "a reader saw %s", o.ID)
		case !o.Payload.Equal(k.payload):
			c.verdict.wrong(WrongPayload, "a reader saw %s with %s instead of %s", o.ID, o.Payload, k.payload)
		case there && !o.CreatedAt.Equal(row.CreatedAt):
			c.verdict.wrong(WrongTime, "a reader saw %s with %s instead of %s", o.ID, o.CreatedAt, row.CreatedAt)
		}
	}
	for _, o := range c.Observations {
		if since, is := seen[o.ID]; is && o.Sight != Seen && o.Began.After(since) {
			c.verdict.wrong(WentBack, "%s was seen by %s, and at %s it is %s", o.ID, since.Format(time.StampMicro), o.Began.Format(time.StampMicro), o.Sight)
		}
		k := c.byID[o.ID]
		if k != nil && k.fate() == kept && (o.Sight == Parked || o.Sight == Never && o.Exact) {
			c.verdict.wrong(Denied, "%s is said to be %s", o.ID, o.Sight)
		}
	}
	for _, k := range c.commands {
		if k.fate() == kept && !answered[k.id] {
			c.verdict.wrong(NeverAnswered, "command %d, %s", k.number, k.id)
		}
	}
}
