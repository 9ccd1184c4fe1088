package parked

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// choice are the flags of a command that decides about some records.
type choice struct {
	target.Servers `embed:""`
	target.Verdict `embed:""`
	Filter         `embed:""`
	Positions      []string `arg:"" optional:"" help:"Positions of parked records, as list shows them; or choose them by flags."`
}

const howDecisionsWork = `
A decision is recorded in the control topic with reason and person, holds for all versions of the read model, and is taken
again by a rebuild. The exit code is 3 when nothing is parked there, or when the decisions are recorded but were not
carried out in time, and 5 when a retried record still cannot apply.`

// Retry is `counterfoil parked retry`.
type Retry struct{ choice }

// Help is shown by --help.
func (*Retry) Help() string {
	return `Examples:

    counterfoil parked retry timestamp.command.v1/3@17 --reason "constraint dropped"
    counterfoil parked retry --code refused-by-database --since 2h --reason "constraint dropped" --dry-run
` + howDecisionsWork
}

// Run retries the records.
func (c *Retry) Run(ctx context.Context, p *show.Printer) error {
	return c.decide(ctx, p, decision.Retry, false)
}

// Discard is `counterfoil parked discard`.
type Discard struct{ choice }

// Help is shown by --help.
func (*Discard) Help() string {
	return `Examples:

    counterfoil parked discard timestamp.command.v1/3@17 --reason "the sender was wrong"
    counterfoil parked discard --code undecodable --topic timestamp.command.v1 --reason "a test wrote them" --dry-run

A discarded record stays where it is, in the topic and in the list of --state discarded.
` + howDecisionsWork
}

// Run discards the records.
func (c *Discard) Run(ctx context.Context, p *show.Printer) error {
	return c.decide(ctx, p, decision.Discard, false)
}

// ReplayAll is `counterfoil parked replay-all`.
type ReplayAll struct {
	target.Servers `embed:""`
	target.Verdict `embed:""`
	Filter         `embed:""`
}

// Help is shown by --help.
func (*ReplayAll) Help() string {
	return `Examples:

    counterfoil parked replay-all --reason "fixed in 1.4" --dry-run
    counterfoil parked replay-all --reason "fixed in 1.4" --limit 1000
` + howDecisionsWork
}

// Run retries all records.
func (c *ReplayAll) Run(ctx context.Context, p *show.Printer) error {
	all := choice{Servers: c.Servers, Verdict: c.Verdict, Filter: c.Filter}
	return all.decide(ctx, p, decision.Retry, true)
}

func (c choice) decide(ctx context.Context, p *show.Printer, verb decision.Verb, everything bool) error {
	if len(c.Positions) == 0 && !c.chooses() && !everything {
		return exit.With(exit.Usage, errors.New("name positions, or choose records by --code, --topic, --read-model, --since or --until"))
	}
	filter, err := c.records("parked", c.Positions)
	if err != nil {
		return err
	}
	finder, err := c.Finder()
	if err != nil {
		return err
	}
	kafka, broker, err := finder.FindBroker(c.Broker)
	if err != nil {
		return err
	}
	p.Explain("Kafka %s (%s)", broker.Value, broker.From())
	pool, err := c.OpenDatabase(ctx, p)
	if err != nil {
		return err
	}
	defer pool.Close()
	records, err := readmodel.ListParked(ctx, pool, filter)
	if err != nil {
		return fmt.Errorf("read the parked records: %w", err)
	}
	decisions := about(verb, records)
	if len(decisions) == 0 {
		return none()
	}
	outcomes, decideErr := c.Decide(ctx, kafka, pool, decisions)
	if outcomes == nil {
		return decideErr
	}
	if err := p.Result(outcomes, func(page *show.Page) { c.table(page, outcomes) }); err != nil {
		return err
	}
	if decideErr == nil && verb == decision.Retry && slices.ContainsFunc(outcomes, stillParked) {
		return exit.With(exit.Refused, errors.New("not all of them apply now; `counterfoil parked list` says why"))
	}
	return decideErr
}

// stillParked reports whether a retry came to nothing in a version.
func stillParked(o target.Outcome) bool { return strings.Contains(o.Effect, "still cannot apply") }

// about returns one decision for each record, however many versions parked it.
func about(verb decision.Verb, records []readmodel.ParkedRecord) []decision.Decision {
	var decisions []decision.Decision
	seen := map[string]bool{}
	for _, r := range records {
		if what := r.ReadModel + " " + r.At; !seen[what] {
			seen[what] = true
			decisions = append(decisions, decision.Decision{Verb: verb, ReadModel: r.ReadModel, Position: r.Position})
		}
	}
	return decisions
}

func (c choice) table(page *show.Page, outcomes []target.Outcome) {
	var rows [][]show.Cell
	for _, o := range outcomes {
		effect := show.Text(o.Effect)
		switch {
		case c.DryRun:
			effect = show.Cell{Text: "would be decided", Tone: show.Faint}
		case o.Effect == "":
			effect = show.Cell{Text: "recorded, not carried out yet", Tone: show.Warning}
		}
		rows = append(rows, []show.Cell{show.Text(o.Position), show.Text(string(o.Decision)), effect})
	}
	page.Table([]string{"position", "decision", "effect"}, rows)
}
