package versions

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	pool, err := c.OpenDatabase(ctx, p)
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
				show.Text(e.At.UTC().Format(time.RFC3339)), show.Text(readmodel.Label(e.Name, e.Version)), show.Text(e.Event), show.Text(e.By), show.Text(e.Reason), show.Text(details(e.Details)),
			})
		}
		page.Table([]string{"at", "version", "event", "by", "reason", "details"}, rows)
	})
}

// details writes what else there is to know on one line, such as "against v1, rows 20". What is nought says nothing.
func details(v any) string {
	raw, _ := v.(json.RawMessage)
	facts := map[string]any{}
	if len(raw) > 0 && json.Unmarshal(raw, &facts) != nil {
		return string(raw)
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		switch value := facts[name].(type) {
		case bool:
			if value {
				texts = append(texts, name)
			}
		case float64:
			switch {
			case name == "by" || name == "against":
				texts = append(texts, fmt.Sprintf("%s v%.0f", name, value))
			case value != 0:
				texts = append(texts, name+" "+show.Count(int64(value)))
			}
		default:
			texts = append(texts, fmt.Sprintf("%s %v", name, value))
		}
	}
	return strings.Join(texts, ", ")
}
