package versions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Verify is `counterfoil readmodel verify`.
type Verify struct {
	target.Servers `embed:""`
	Declarations   `embed:""`
	Author         `embed:""`
	Which          `embed:""`
	Rows           int           `default:"20" help:"How many rows that differ are shown at most."`
	Timeout        time.Duration `default:"2m" help:"How long to wait until both versions are at the same positions."`
}

// Help is shown by --help.
func (*Verify) Help() string {
	return `Examples:

    counterfoil readmodel verify trips 2
    counterfoil readmodel verify trips 2 -o json | jq .examples

It compares the version with the serving one at the same positions of their topics, while both go on: how many rows there
are, hashes of them over the columns that both have (those of the same origin, else of the same name), then the rows that
differ, and the records that are parked. What the declaration lists under expected_differences is shown and does not count.

The exit code is 0 when they are equal, 1 when they differ, 3 when they did not come to the same positions in time, 6 when
the version is not ready, and 7 while somebody else is at work on the model.
` + steps
}

// Run compares and shows.
func (c *Verify) Run(ctx context.Context, p *show.Printer) error {
	o, err := open(ctx, c.Servers, p, "readmodel verify "+c.Model, c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	number, err := c.number(ctx, o.conn)
	if err != nil {
		return coded(err)
	}
	expected, err := c.expected(ctx, o, p, number)
	if err != nil {
		return coded(err)
	}
	report, err := readmodel.Verify(ctx, o.cfg, c.Model, number, readmodel.Verifying{
		Expected: expected, Examples: c.Rows, Limit: c.Timeout, Say: func(what string) { p.Explain("%s", what) },
	}, c.mandate())
	if err != nil {
		return coded(err)
	}
	if err := p.Result(report, func(on *show.Page) { page(on, report) }); err != nil {
		return err
	}
	if !report.Equal {
		return exit.With(exit.Failed, errors.New("they differ; mend the declaration, or list what is meant under its expected_differences, and verify again"))
	}
	return nil
}

// expected returns the expected differences of the file, as long as it is of the version's shape: they may have been
// written down after the version was made. Otherwise those that the version was made with count.
func (c *Verify) expected(ctx context.Context, o *operation, p *show.Printer, number int) ([]readmodel.Expectation, error) {
	v, err := find(ctx, o.conn, c.Model, number)
	if err != nil {
		return nil, err
	}
	files, err := c.load(o.finder, p, c.Model)
	if err == nil && files[0].Fingerprint() == v.Fingerprint && files[0].ExpectedDifferences != nil {
		return files[0].ExpectedDifferences, nil
	}
	if err != nil && exit.Code(err) == exit.Usage {
		return nil, err
	}
	return nil, nil
}

func page(page *show.Page, r readmodel.Report) {
	serving, other := readmodel.Label(r.ReadModel, r.Against), readmodel.Label(r.ReadModel, r.Version)
	if r.Equal {
		page.Line(show.Cell{Text: "equal:", Tone: show.Good}, show.Text(fmt.Sprintf("%s says what %s says, in %s rows (%s)", other, serving, show.Count(r.Rows[1]),
			show.Duration(time.Duration(r.Seconds*float64(time.Second))))))
	} else {
		page.Line(show.Cell{Text: "different:", Tone: show.Bad}, show.Text(fmt.Sprintf("%s does not say what %s says", other, serving)))
	}
	var columns []string
	for _, c := range r.Columns {
		if c.Serving == c.Other {
			columns = append(columns, c.Other)
		} else {
			columns = append(columns, c.Other+" (was "+c.Serving+")")
		}
	}
	atLeast := ""
	if r.AtLeast {
		atLeast = "at least "
	}
	var counts []string
	for _, n := range []struct {
		rows int64
		what string
	}{{r.Missing, "missing"}, {r.Added, "added"}, {r.Changed, "changed"}} {
		if n.rows > 0 {
			counts = append(counts, fmt.Sprintf("%s%s %s", atLeast, show.Count(n.rows), n.what))
		}
	}
	var by []string
	for _, column := range slices.Sorted(maps.Keys(r.ByColumn)) {
		by = append(by, fmt.Sprintf("%s in %s%s", column, atLeast, show.Count(r.ByColumn[column])))
	}
	fields := []show.Field{
		{Name: "  rows", Value: show.Text(fmt.Sprintf("%s and %s", show.Count(r.Rows[0]), show.Count(r.Rows[1])))},
		{Name: "  compared", Value: show.Text(strings.Join(columns, ", "))},
		{Name: "  only " + serving, Value: show.Text(strings.Join(r.Only[0], ", "))},
		{Name: "  only " + other, Value: show.Text(strings.Join(r.Only[1], ", "))},
		{Name: "  hash", Value: show.Cell{Text: r.Hash, Tone: show.Faint}},
		{Name: "  rows that differ", Value: show.Cell{Text: strings.Join(counts, ", "), Tone: show.Bad}},
		{Name: "  by column", Value: show.Cell{Text: strings.Join(by, ", "), Tone: show.Bad}},
	}
	for _, e := range r.Expected {
		what := e.Column
		if what == "" {
			what = "rows " + e.Rows
		}
		fields = append(fields, show.Field{Name: "  expected", Value: show.Text(fmt.Sprintf("%s: %s (found in %s)", what, e.Reason, show.Count(e.Found)))})
	}
	if r.Parked.Both+r.Parked.Serving+r.Parked.Other > 0 {
		tone := show.Plain
		if r.Parked.Different() {
			tone = show.Bad
		}
		fields = append(fields, show.Field{Name: "  parked", Value: show.Cell{Text: fmt.Sprintf("%s in both, %s in %s only, %s in %s only",
			show.Count(r.Parked.Both), show.Count(r.Parked.Serving), serving, show.Count(r.Parked.Other), other), Tone: tone}})
	}
	page.Fields(fields...)
	examples(page, r)
}

func examples(page *show.Page, r readmodel.Report) {
	var rows [][]show.Cell
	for _, e := range r.Examples {
		var key []string
		for _, name := range slices.Sorted(maps.Keys(e.Key)) {
			key = append(key, name+"="+e.Key[name])
		}
		if len(e.Cells) == 0 {
			rows = append(rows, []show.Cell{show.Text(e.Kind), show.Text(strings.Join(key, " "))})
		}
		for _, cell := range e.Cells {
			rows = append(rows, []show.Cell{show.Text(e.Kind), show.Text(strings.Join(key, " ")), show.Text(cell.Column), said(cell.Serving), said(cell.Other)})
		}
	}
	if len(rows) > 0 {
		page.Line()
		page.Table([]string{"row", "key", "column", fmt.Sprintf("v%d", r.Against), fmt.Sprintf("v%d", r.Version)}, rows)
	}
	for _, parked := range r.Parked.Examples {
		page.Line(show.Text(parked))
	}
}

// said writes a value so that nothing in it reaches the terminal, and null apart from a text.
func said(text *string) show.Cell {
	if text == nil {
		return show.Cell{Text: "null", Tone: show.Faint}
	}
	quoted := fmt.Sprintf("%q", *text)
	if len(quoted) > 80 {
		quoted = quoted[:77] + "…"
	}
	return show.Text(quoted)
}
