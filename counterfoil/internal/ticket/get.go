package ticket

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/position"
)

// Get is the command `counterfoil get`.
type Get struct {
	ID       string        `arg:"" help:"The ticket: the id that the command-service answered."`
	Wait     time.Duration `help:"Wait this long for an outcome, such as 5s." placeholder:"DURATION"`
	Position string        `help:"The ticket's position, topic/partition@offset; with it the answer is exact." placeholder:"POSITION"`
	QueryURL string        `name:"query-url" help:"Address of the query-service." placeholder:"URL"`
	Data     string        `help:"Data directory of counterfoil dev, whose file env says where the services are." default:".counterfoil" type:"path"`
}

// Help is shown by --help.
func (g *Get) Help() string {
	return `Examples:

    counterfoil get 01997f2e-8c1b-7c3e-9a4d-0d2f6f0f9a11
    counterfoil get 01997f2e-8c1b-7c3e-9a4d-0d2f6f0f9a11 --wait 5s
    counterfoil get 01997f2e-8c1b-7c3e-9a4d-0d2f6f0f9a11 --position timestamp.command.v1/3@17 -o json

Without --position nobody can tell a command that is still under way from one that never was: both are pending.`
}

// Validate refuses what the service would refuse, so that it is a mistake in the arguments.
func (g *Get) Validate() error {
	if _, err := uuid.Parse(g.ID); err != nil {
		return fmt.Errorf("%q is not a ticket; tickets are UUIDs such as 01997f2e-8c1b-7c3e-9a4d-0d2f6f0f9a11", g.ID)
	}
	if g.Position != "" {
		_, err := position.Parse(g.Position)
		return err
	}
	return nil
}

// Run shows what became of the command.
func (g *Get) Run(ctx context.Context, p *show.Printer) error {
	finder, err := target.NewFinder(g.Data, os.Getenv)
	if err != nil {
		return err
	}
	at, err := finder.FindURL(target.QueryURL, g.QueryURL)
	if err != nil {
		return err
	}
	p.Explain("query-service %s (%s)", at.Value, at.From())
	began := time.Now()
	t := &Ticket{ID: g.ID, Position: g.Position}
	if err := t.follow(ctx, client.New(at), g.Wait); err != nil {
		return err
	}
	t.OutcomeSeconds = since(began)
	if err := p.Result(t, t.page); err != nil {
		return err
	}
	return t.judge()
}
