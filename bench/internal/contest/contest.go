// Package contest lets contestants do the same work in turns and keeps what each round showed.
//
// Machines have moods: a figure alone says little, and one taken at another time less. So contestants take turns, in
// another order in each round, and are compared by the ratio of the same round.
package contest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Sample holds what one round of one contestant showed, by the keys in Metrics.
type Sample map[string]float64

// A Contestant does the work once per round.
type Contestant struct {
	Name    string
	Note    string // what it is, for those who read the table
	Against string // name of the contestant that it is compared with instead of the contest's baseline; "" for the baseline
	Run     func(ctx context.Context) (Sample, error)
}

// A Contest is a table to be filled.
type Contest struct {
	ID          string // such as ingest-64
	Title       string
	Baseline    string // name of the contestant that counts as 1.00; "" where there is nothing to compare
	Contestants []Contestant
	Target      bool // something is promised here: it gets twice the time of others, and more rounds where there is time
}

// Pace says how many rounds there are. Without a deadline it is Rounds. With one, at least one round is run, and none is
// begun that would end too late if it took as long as the last; those with a target go on up to Most.
type Pace struct {
	Rounds, Most int
	Deadline     time.Time // zero for none
}

// Another reports whether one more round is to be run after those that were, the last of which took so long.
func (p Pace) Another(were int, took time.Duration, target bool) bool {
	if p.Deadline.IsZero() || were == 0 {
		return were < max(1, p.Rounds)
	}
	limit := p.Rounds
	if target {
		limit = max(p.Rounds, p.Most)
	}
	return were < limit && !time.Now().Add(took).After(p.Deadline)
}

// Row is what a contestant showed.
type Row struct {
	Name    string   `json:"name"`
	Note    string   `json:"note,omitempty"`
	Against string   `json:"against,omitempty"` // whom it is compared with, where that is not the baseline
	Samples []Sample `json:"samples"`           // one for each round
	Failed  string   `json:"failed,omitempty"`  // why it dropped out
}

// Table is what a contest showed.
type Table struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Baseline string `json:"baseline,omitempty"`
	Note     string `json:"note,omitempty"`
	Rounds   int    `json:"rounds"`
	Rows     []Row  `json:"rows"`
}

// Run runs the contest at that pace. A contestant that fails drops out and its row says why; only the end of ctx is an
// error.
func (c Contest) Run(ctx context.Context, pace Pace, say func(format string, args ...any)) (Table, error) {
	table := Table{ID: c.ID, Title: c.Title, Baseline: c.Baseline}
	for _, contestant := range c.Contestants {
		table.Rows = append(table.Rows, Row{Name: contestant.Name, Note: contestant.Note, Against: contestant.Against})
	}
	for took := time.Duration(0); pace.Another(table.Rounds, took, c.Target); table.Rounds++ {
		began := time.Now()
		if err := c.round(ctx, &table, say); err != nil {
			return table, err
		}
		took = time.Since(began)
	}
	return table, nil
}

// round has everyone who did not drop out take a turn.
func (c Contest) round(ctx context.Context, table *Table, say func(format string, args ...any)) error {
	for _, i := range order(len(c.Contestants), table.Rounds) {
		row := &table.Rows[i]
		if row.Failed != "" {
			continue
		}
		sample, err := c.Contestants[i].Run(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			row.Failed = err.Error()
			say("%s, round %d, %s: failed: %v", c.ID, table.Rounds+1, row.Name, err)
			continue
		}
		row.Samples = append(row.Samples, sample)
		say("%s, round %d, %s: %s", c.ID, table.Rounds+1, row.Name, brief(sample))
	}
	return nil
}

// order returns the order of a round: each begins one further, and every other one goes backwards.
func order(n, round int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = (i + round/2) % n
	}
	if round%2 == 1 {
		slices.Reverse(all)
	}
	return all
}

func brief(s Sample) string {
	var text string
	for _, m := range Metrics {
		if value, ok := s[m.Key]; ok && m.Brief {
			text += fmt.Sprintf("%s %s  ", m.Head, m.Format(value))
		}
	}
	return text
}
