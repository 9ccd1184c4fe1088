package versions

import (
	"context"
	"fmt"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Switch is `counterfoil readmodel switch`.
type Switch struct {
	target.Servers `embed:""`
	Author         `embed:""`
	Model          string `arg:"" help:"Name of the read model."`
	To             string `required:"" help:"Number of the version that shall serve." placeholder:"N"`
	Override       string `help:"Why the version may serve although no comparison says that it is equal; it is written into the history." placeholder:"REASON"`
}

// Help is shown by --help.
func (*Switch) Help() string {
	return `Examples:

    counterfoil readmodel switch trips --to 2
    counterfoil readmodel switch trips --to 2 --override "v1 rounds fares; v2 is right" --by alice

The version must be ready, as current as the serving one at the moment of the switch, and verified equal since it was last
built. It is one transaction; readers notice nothing, and query-services answer from the version within a second. The one
that served before stays current: rollback goes back to it. Only the verification can be overridden.

The exit code is 3 when the version is behind, 6 when it is not ready or not verified, and 7 while somebody else is at work
on the model. Where the version serves already, nothing happens.
` + steps
}

// Run switches.
func (c *Switch) Run(ctx context.Context, p *show.Printer) error {
	to, err := parseNumber(c.To)
	if err != nil {
		return err
	}
	o, err := open(ctx, c.Servers, p, "readmodel switch "+c.Model, c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	done, err := readmodel.Switch(ctx, o.conn, c.Model, to, c.Override, c.mandate())
	if err != nil {
		return coded(err)
	}
	return told(p, c.Model, done)
}

// Rollback is `counterfoil readmodel rollback`.
type Rollback struct {
	target.Servers `embed:""`
	Author         `embed:""`
	Model          string `arg:"" help:"Name of the read model."`
	To             string `help:"Number of the version that served before; where it serves already nothing happens, so that this can be repeated." placeholder:"N"`
}

// Help is shown by --help.
func (*Rollback) Help() string {
	return `Examples:

    counterfoil readmodel rollback trips --reason "fares are wrong"
    counterfoil readmodel rollback trips --to 1

It makes the version serve that served before, which stayed current since; it needs no verification. Once more goes forward
again, unless --to says where to, as scripts should. The exit code is 3 when the version is behind, 6 when there is none, and
7 while somebody else is at work on the model.
` + steps
}

// Run goes back.
func (c *Rollback) Run(ctx context.Context, p *show.Printer) error {
	to := 0
	if c.To != "" {
		var err error
		if to, err = parseNumber(c.To); err != nil {
			return err
		}
	}
	o, err := open(ctx, c.Servers, p, "readmodel rollback "+c.Model, c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	done, err := readmodel.Rollback(ctx, o.conn, c.Model, to, c.mandate())
	if err != nil {
		return coded(err)
	}
	return told(p, c.Model, done)
}

// Served says which version serves now.
type Served struct {
	ReadModel string `json:"read_model"`
	Serving   int    `json:"serving"`
	Before    int    `json:"before,omitempty"` // the same where nothing changed
}

func told(p *show.Printer, model string, done readmodel.Switched) error {
	return p.Result(Served{model, done.To, done.From}, func(page *show.Page) {
		now := show.Cell{Text: readmodel.Label(model, done.To), Tone: show.Good}
		if done.From == done.To {
			page.Line(now, show.Text("serves already"))
			return
		}
		page.Line(now, show.Text(fmt.Sprintf("serves; back to v%d: counterfoil readmodel rollback %s", done.From, model)))
	})
}
