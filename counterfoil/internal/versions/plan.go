package versions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Plan is `counterfoil readmodel plan`.
type Plan struct {
	target.Servers `embed:""`
	Declarations   `embed:""`
	Model          string `arg:"" optional:"" help:"Only this read model."`
}

// Help is shown by --help.
func (*Plan) Help() string {
	return `Examples:

    counterfoil readmodel plan
    counterfoil readmodel plan trips --read-models readmodels
    counterfoil readmodel plan -o json | jq '.[] | select(.needed)'

A version is needed where a model has none, where the declaration is of another shape than its newest version (columns,
primary key, write rule, indexes, topics), and under the number after it where the database holds something of that number
already. It changes nothing; the exit code is 0 whether something is needed or not.
` + steps
}

// Planned is what plan says of one model.
type Planned struct {
	ReadModel  string   `json:"read_model"`
	Needed     bool     `json:"needed"`
	Version    int      `json:"version"`         // the one that is needed, or that has the declared shape already
	State      string   `json:"state,omitempty"` // of the one that has it already
	Reasons    []string `json:"reasons"`
	Serving    int      `json:"serving,omitempty"`
	Topics     []Source `json:"topics"`
	Records    int64    `json:"records"`
	Bytes      int64    `json:"bytes"`          // that the topics take; 0 where the broker does not tell
	TableBytes int64    `json:"table_bytes"`    // that the serving version takes with its indexes
	Seconds    float64  `json:"seconds"`        // that a build is expected to take
	Assumption string   `json:"assumption"`     // what that is based on
	LostBefore bool     `json:"history_lost"`   // a topic does not hold offset 0 any more
	Next       string   `json:"next,omitempty"` // the command that comes next
}

// Source is what a topic holds.
type Source struct {
	Topic   string `json:"topic"`
	Exists  bool   `json:"exists"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	Whole   bool   `json:"whole"` // every partition begins at offset 0
}

// Run shows the plan.
func (c *Plan) Run(ctx context.Context, p *show.Printer) error {
	finder, err := c.Finder()
	if err != nil {
		return err
	}
	declarations, err := c.load(finder, p, c.Model)
	if err != nil {
		return err
	}
	servers, err := c.Open(ctx, p)
	if err != nil {
		return err
	}
	defer servers.Close()
	var all []Planned
	for _, d := range declarations {
		planned, err := planOne(ctx, servers.Pool, servers.Admin, d)
		if err != nil {
			return coded(err)
		}
		all = append(all, planned)
	}
	return p.Result(all, func(page *show.Page) {
		for i, planned := range all {
			if i > 0 {
				page.Line()
			}
			planned.show(page)
		}
	})
}

func planOne(ctx context.Context, pool *postgres.Pool, admin *kafka.Admin, d *readmodel.Declaration) (Planned, error) {
	plan, err := readmodel.PlanFor(ctx, pool, d)
	if err != nil {
		return Planned{}, err
	}
	planned := Planned{
		ReadModel: d.Name, Needed: plan.Needed, Version: plan.Declaration.Version, State: string(plan.State), Reasons: plan.Reasons,
	}
	if plan.Serving != nil {
		planned.Serving = plan.Serving.Number
		if planned.TableBytes, err = readmodel.TableBytes(ctx, pool, *plan.Serving); err != nil {
			return planned, err
		}
	}
	for _, topic := range d.Topics() {
		source, err := read(admin, topic)
		if err != nil {
			return planned, err
		}
		planned.Topics = append(planned.Topics, source)
		planned.Records += source.Records
		planned.Bytes += source.Bytes
		planned.LostBefore = planned.LostBefore || !source.Whole
	}
	rate, from, err := readmodel.BuildRate(ctx, pool, d.Name)
	if err != nil {
		return planned, err
	}
	planned.Assumption = fmt.Sprintf("%s records a second, as in the build of %s", show.Count(int64(rate)), from)
	if rate == 0 {
		rate = assumedRate
		planned.Assumption = fmt.Sprintf("%d records a second, which is assumed, since nothing was built here yet", assumedRate)
	}
	planned.Seconds = max(float64(planned.Records)/rate, 1) // and joining a group takes a moment
	planned.Next = planned.next(plan.First)
	return planned, nil
}

// assumedRate is what one consumer applies on a small machine; see bench.
const assumedRate = 20_000

func read(admin *kafka.Admin, name string) (Source, error) {
	topic, exists, err := admin.Topic(name)
	if err != nil || !exists {
		return Source{Topic: name, Whole: true}, err
	}
	source := Source{Topic: name, Exists: true, Whole: true}
	for _, r := range topic.Partitions {
		source.Records += r.End - r.First
		source.Whole = source.Whole && r.First == 0
	}
	source.Bytes, err = admin.Bytes(name)
	return source, err
}

func (p Planned) next(first bool) string {
	command := "counterfoil readmodel "
	switch {
	case p.Needed && first:
		return command + "migrate " + p.ReadModel + " (or the start of a consumer-service that has the declaration)"
	case p.Needed:
		return command + "migrate " + p.ReadModel
	}
	switch readmodel.State(p.State) {
	case readmodel.Planned, readmodel.Building, readmodel.Retired:
		return fmt.Sprintf("%sbuild %s %d", command, p.ReadModel, p.Version)
	case readmodel.Ready:
		return fmt.Sprintf("%sverify %s %d", command, p.ReadModel, p.Version)
	}
	return ""
}

func (p Planned) show(page *show.Page) {
	if p.Needed {
		page.Line(show.Cell{Text: readmodel.Label(p.ReadModel, p.Version) + " is needed", Tone: show.Warning})
	} else {
		page.Line(show.Cell{Text: p.ReadModel + ": nothing is needed", Tone: show.Good})
	}
	var fields []show.Field
	for _, reason := range p.Reasons {
		fields = append(fields, show.Field{Name: "  because", Value: show.Text(reason)})
	}
	if p.Needed || p.State == string(readmodel.Planned) || p.State == string(readmodel.Retired) {
		fields = append(fields, p.work()...)
	}
	fields = append(fields, show.Field{Name: "  next", Value: show.Text(strings.TrimSpace(p.Next))})
	page.Fields(fields...)
}

// work says what it takes to build the version.
func (p Planned) work() []show.Field {
	var fields []show.Field
	for _, t := range p.Topics {
		text := fmt.Sprintf("%s: %s records", t.Topic, show.Count(t.Records))
		if t.Bytes > 0 {
			text += ", " + show.Bytes(t.Bytes)
		}
		value := show.Text(text + ", from offset 0 on")
		switch {
		case !t.Exists:
			value = show.Cell{Text: t.Topic + ": does not exist", Tone: show.Warning}
		case !t.Whole:
			value = show.Cell{Text: text + "; what was before its first offset is gone, so a new version cannot have it (counterfoil doctor)", Tone: show.Bad}
		}
		fields = append(fields, show.Field{Name: "  to read", Value: value})
	}
	fields = append(fields,
		show.Field{Name: "  expected time", Value: show.Text(fmt.Sprintf("about %s (%s)", show.Duration(time.Duration(p.Seconds*float64(time.Second))), p.Assumption))})
	if p.Serving > 0 {
		fields = append(fields, show.Field{Name: "  disk", Value: show.Text(fmt.Sprintf("%s, as %s takes", show.Bytes(p.TableBytes), readmodel.Label(p.ReadModel, p.Serving)))})
	}
	return fields
}
