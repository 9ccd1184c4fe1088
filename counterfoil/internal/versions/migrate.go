package versions

import (
	"context"
	"fmt"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Migrate is `counterfoil readmodel migrate`.
type Migrate struct {
	target.Servers `embed:""`
	Declarations   `embed:""`
	Author         `embed:""`
	Model          string `arg:"" optional:"" help:"Only this read model."`
}

// Help is shown by --help.
func (*Migrate) Help() string {
	return `Examples:

    counterfoil readmodel migrate
    counterfoil readmodel migrate trips --read-models readmodels --reason "the fare in cents"

Where plan says that nothing is needed it does nothing, so it can be repeated. The first version of a model serves at once;
every other one is planned and waits for build. The exit code is 7 while somebody else is at work on the model.
` + steps
}

// Migrated is what migrate did for one model.
type Migrated struct {
	ReadModel string   `json:"read_model"`
	Version   int      `json:"version"`
	Made      bool     `json:"made"`
	State     string   `json:"state"`
	Reasons   []string `json:"reasons"`
}

// Run makes the versions.
func (c *Migrate) Run(ctx context.Context, p *show.Printer) error {
	o, err := open(ctx, c.Servers, p, "readmodel migrate", c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	declarations, err := c.load(o.finder, p, c.Model)
	if err != nil {
		return err
	}
	all := []Migrated{}
	for _, d := range declarations {
		plan, err := readmodel.Migrate(ctx, o.conn, d, c.mandate())
		if err != nil {
			return coded(err)
		}
		m := Migrated{ReadModel: d.Name, Version: plan.Declaration.Version, Made: plan.Needed, State: string(plan.State), Reasons: plan.Reasons}
		switch {
		case plan.Needed && plan.First:
			m.State = string(readmodel.Serving)
		case plan.Needed:
			m.State = string(readmodel.Planned)
		}
		all = append(all, m)
	}
	return p.Result(all, func(page *show.Page) {
		for _, m := range all {
			switch {
			case !m.Made:
				page.Line(show.Text(m.ReadModel+": nothing is needed;"), show.Cell{Text: m.Reasons[0], Tone: show.Faint})
			case m.State == string(readmodel.Serving):
				page.Line(show.Cell{Text: readmodel.Label(m.ReadModel, m.Version), Tone: show.Good}, show.Text("was made and serves; the consumer-service fills it"))
			default:
				page.Line(show.Cell{Text: readmodel.Label(m.ReadModel, m.Version), Tone: show.Good}, show.Text(fmt.Sprintf("was made; next: counterfoil readmodel build %s %d", m.ReadModel, m.Version)))
			}
		}
	})
}
