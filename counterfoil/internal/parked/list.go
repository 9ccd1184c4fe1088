package parked

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// List is `counterfoil parked list`.
type List struct {
	target.Servers `embed:""`
	Filter         `embed:""`
	State          string `enum:"parked,waiting,discarded,all" default:"parked" help:"Only those that are parked and need a decision, wait behind one of them, or were discarded: ${enum}."`
}

// Help is shown by --help.
func (*List) Help() string {
	return `Examples:

    counterfoil parked list
    counterfoil parked list --state all --since 24h
    counterfoil parked list --code missing-field -o json | jq -r '.[].position'`
}

// Run shows the records.
func (c *List) Run(ctx context.Context, p *show.Printer) error {
	state := c.State
	if state == "all" {
		state = ""
	}
	filter, err := c.records(state, nil)
	if err != nil {
		return err
	}
	pool, err := c.OpenDatabase(ctx, p)
	if err != nil {
		return err
	}
	defer pool.Close()
	records, err := readmodel.ListParked(ctx, pool, filter)
	if err != nil {
		return fmt.Errorf("read the parked records: %w", err)
	}
	if records == nil {
		records = []readmodel.ParkedRecord{}
	}
	return p.Result(records, func(page *show.Page) { table(page, records) })
}

func table(page *show.Page, records []readmodel.ParkedRecord) {
	if len(records) == 0 {
		page.Line(show.Cell{Text: "nothing", Tone: show.Good})
		return
	}
	tones := map[string]show.Tone{"parked": show.Bad, "waiting": show.Warning, "discarded": show.Faint}
	var rows [][]show.Cell
	for _, r := range records {
		rows = append(rows, []show.Cell{
			show.Text(r.At), show.Text(readmodel.Label(r.ReadModel, r.Version)), {Text: r.State, Tone: tones[r.State]},
			show.Text(r.Class), show.Text(r.Code), show.Text(r.Reason), show.Text(strconv.Itoa(r.Attempts)), show.Text(strconv.Itoa(r.Waiting)),
			show.Text(r.ParkedAt.UTC().Format(time.RFC3339)), show.Text(r.CorrelationID),
		})
	}
	page.Table([]string{"position", "read model", "state", "class", "code", "reason", "attempts", "behind it", "parked at", "correlation id"}, rows)
}

// none is the error of a command that found nothing to decide about.
func none() error {
	return exit.With(exit.NotYet, fmt.Errorf("nothing is parked there; a waiting record is decided about by way of the one before it: `counterfoil parked list --state all`"))
}
