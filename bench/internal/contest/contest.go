// Package contest lets contestants do the same work in turns and keeps what each round showed.
//
// Machines have moods: a figure alone says little, and one taken at another time less. So contestants take turns, in
// another order in each round, and are compared by the ratio of the same round.
package contest

import (
	"context"
	"fmt"
	"slices"
)

// Sample holds what one round of one contestant showed, by the keys in Metrics.
type Sample map[string]float64

// A Contestant does the work once per round.
type Contestant struct {
	Name string
	Note string // what it is, for those who read the table
	Run  func(ctx context.Context) (Sample, error)
}

// A Contest is a table to be filled.
type Contest struct {
	ID          string // such as ingest-64
	Title       string
	Baseline    string // name of the contestant that counts as 1.00; "" where there is nothing to compare
	Contestants []Contestant
}

// Row is what a contestant showed.
type Row struct {
	Name    string   `json:"name"`
	Note    string   `json:"note,omitempty"`
	Samples []Sample `json:"samples"`          // one for each round
	Failed  string   `json:"failed,omitempty"` // why it dropped out
}

// Table is what a contest showed.
type Table struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Baseline string `json:"baseline,omitempty"`
	Rows     []Row  `json:"rows"`
}

// Run runs the contest for a number of rounds. A contestant that fails drops out and its row says why; only the end of
// ctx is an error.
func (c Contest) Run(ctx context.Context, rounds int, say func(format string, args ...any)) (Table, error) {
	table := Table{ID: c.ID, Title: c.Title, Baseline: c.Baseline}
	for _, contestant := range c.Contestants {
		table.Rows = append(table.Rows, Row{Name: contestant.Name, Note: contestant.Note})
	}
	for round := range rounds {
		for _, i := range order(len(c.Contestants), round) {
			row := &table.Rows[i]
			if row.Failed != "" {
				continue
			}
			sample, err := c.Contestants[i].Run(ctx)
			if ctx.Err() != nil {
				return table, ctx.Err()
			}
			if err != nil {
				row.Failed = err.Error()
				say("%s, round %d of %d, %s: failed: %v", c.ID, round+1, rounds, row.Name, err)
				continue
			}
			row.Samples = append(row.Samples, sample)
			say("%s, round %d of %d, %s: %s", c.ID, round+1, rounds, row.Name, brief(sample))
		}
	}
	return table, nil
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
