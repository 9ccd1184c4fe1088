package versions

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// History is `counterfoil readmodel history`.
type History struct {
	target.Servers `embed:""`
	Model          string `arg:"" optional:"" help:"Only this read model."`
}

// Help is shown by --help.
func (*History) Help() string {
	return `Examples:

    counterfoil readmodel history trips
    counterfoil readmodel history trips -o json | jq '.[] | select(.event == "serving")'

The oldest comes first. An event is the state that the version came into, or replaced (another serves in its place), verified,
differs, builder (another process fills it) or allowed (parked records are).`
}

// Run shows the history.
func (c *History) Run(ctx context.Context, p *show.Printer) error {
	finder, err := c.Finder()
	if err != nil {
		return err
	}
	pool, _, err := finder.OpenDatabase(ctx, c.DBURL)
	if err != nil {
		return err
	}
	defer pool.Close()
	events, err := readmodel.Events(ctx, pool, c.Model)
	if err != nil {
		return coded(err)
	}
	if events == nil {
		events = []readmodel.Event{}
	}
	return p.Result(events, func(page *show.Page) {
		var rows [][]show.Cell
		for _, e := range events {
			rows = append(rows, []show.Cell{
				show.Text(e.At.UTC().Format(time.RFC3339)), show.Text(label(e.Name, e.Version)), show.Text(e.Event), show.Text(e.By), show.Text(e.Reason), show.Text(details(e.Details)),
			})
		}
		page.Table([]string{"at", "version", "event", "by", "reason", ""}, rows)
	})
}

// details writes what else there is to know on one line.
func details(v any) string {
	raw, ok := v.(json.RawMessage)
	if !ok {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return fmt.Sprint(v)
	}
	return b.String()
}
