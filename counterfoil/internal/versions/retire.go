package versions

import (
	"context"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// ending are the flags of a command that ends a version. Its number is never left out.
type ending struct {
	target.Servers `embed:""`
	Author         `embed:""`
	Model          string `arg:"" help:"Name of the read model."`
	Number         string `arg:"" name:"version" help:"Number of the version, such as 1."`
}

// Retire is `counterfoil readmodel retire`.
type Retire struct {
	ending
	Force bool `help:"Also the version that served before, after which there is no rollback."`
}

// Help is shown by --help.
func (*Retire) Help() string {
	return `Examples:

    counterfoil readmodel retire trips 2 --reason "a mistake in the declaration"
    counterfoil readmodel retire trips 1 --force

Consumers no longer keep the version current; its rows stay, and its paths answer from them as they are. build takes it up
again. The exit code is 6 for the serving version, and without --force for the previous one, which a rollback needs.
` + steps
}

// Run retires the version.
func (c *Retire) Run(ctx context.Context, p *show.Printer) error {
	return c.end(ctx, p, "retire", readmodel.Retired, c.Force, readmodel.Retire)
}

// Drop is `counterfoil readmodel drop`.
type Drop struct {
	ending
	Force bool `help:"Also a version that is not retired, or that served before, after which there is no rollback."`
}

// Help is shown by --help.
func (*Drop) Help() string {
	return `Examples:

    counterfoil readmodel drop trips 1

It removes the version's schema with its rows, its checkpoints, and what is parked in it. Its paths answer 410 and name the
version that serves; its number is never used again. The exit code is 6 for the serving version, and without --force for one
that is not retired or served before. Something that is not ours and depends on its tables stops it.
` + steps
}

// Run drops the version.
func (c *Drop) Run(ctx context.Context, p *show.Printer) error {
	return c.end(ctx, p, "drop", readmodel.Dropped, c.Force, readmodel.Drop)
}

// Ended is what became of a version.
type Ended struct {
	ReadModel string `json:"read_model"`
	Version   int    `json:"version"`
	State     string `json:"state"`
}

func (c ending) end(ctx context.Context, p *show.Printer, verb string, state readmodel.State, force bool,
	do func(context.Context, *postgres.Conn, string, int, bool, readmodel.Mandate) error,
) error {
	number, err := parseNumber(c.Number)
	if err != nil {
		return err
	}
	o, err := open(ctx, c.Servers, p, "readmodel "+verb+" "+c.Model, c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	if err := do(ctx, o.conn, c.Model, number, force, c.mandate()); err != nil {
		return coded(err)
	}
	return p.Result(Ended{c.Model, number, string(state)}, func(page *show.Page) {
		page.Line(show.Cell{Text: readmodel.Label(c.Model, number), Tone: show.Good}, show.Text("is "+string(state)))
	})
}
