// Package status is the command status: how far each version of each read model is in each partition of its topic.
package status

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Command is `counterfoil status`.
type Command struct {
	target.Servers `embed:""`
}

// Help is shown by --help.
func (c *Command) Help() string {
	return `Examples:

    counterfoil status
    counterfoil status -o json | jq '[.[].lag] | add'

CHECKPOINT is the next offset to apply, END the offset of the next record to be written, LAG how many records are between
them. The exit code is 1 when records that a version still needs are gone from its topic, and 3 when there is no read
model yet.`
}

// Run shows the progress of every version.
func (c *Command) Run(ctx context.Context, p *show.Printer) error {
	servers, err := c.Open(ctx, p)
	if err != nil {
		return err
	}
	defer servers.Close()
	versions, err := readmodel.DeclaredVersions(ctx, servers.Pool)
	if postgres.IsMissing(err) || err == nil && len(versions) == 0 {
		return exit.With(exit.NotYet, errors.New("there is no read model yet; the consumer-service creates those that are declared when it starts"))
	}
	if err != nil {
		return fmt.Errorf("read the versions: %w", err)
	}
	all, err := Survey(ctx, servers.Pool, servers.Admin, versions)
	if err != nil {
		return err
	}
	if err := p.Result(all, func(page *show.Page) { table(page, all) }); err != nil {
		return err
	}
	for _, progress := range all {
		if progress.Lost != "" {
			return errors.New("records that are still needed are gone; `counterfoil doctor` says what to do")
		}
	}
	return nil
}

func table(page *show.Page, all []Progress) {
	var rows [][]show.Cell
	for _, p := range all {
		serving, checkpoint, lag := show.Cell{}, "none", show.Cell{Text: strconv.FormatInt(p.Lag, 10), Tone: show.Good}
		if p.Serving {
			serving = show.Cell{Text: "serving", Tone: show.Good}
		}
		if p.Checkpoint != nil {
			checkpoint = strconv.FormatInt(*p.Checkpoint, 10)
		}
		if p.Lag > 0 {
			lag.Tone = show.Warning
		}
		if p.Lost != "" {
			lag = show.Cell{Text: "history lost", Tone: show.Bad}
		}
		rows = append(rows, []show.Cell{
			show.Text(p.ReadModel), serving, show.Text(p.Group), show.Text(fmt.Sprintf("%s/%d", p.Topic, p.Partition)),
			show.Text(checkpoint), show.Text(strconv.FormatInt(p.End, 10)), lag,
		})
	}
	page.Table([]string{"read model", "", "group", "partition", "checkpoint", "end", "lag"}, rows)
}
