package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/measure"
	"github.com/counterfoil/counterfoil/bench/internal/report"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// usual is how long everything takes with the usual settings on two cores.
const usual = 30 * time.Minute

// all measures everything and writes the page.
type all struct {
	Budget time.Duration `default:"30m" help:"About how long it may take: turns get shorter and topics smaller, or longer and larger, and rounds fewer where time runs out."`
	Only   []string      `enum:"ingest,apply,rebuild,read,visible,grow" help:"Only these sections of the page, separated by commas." placeholder:"SECTION"`
	Page   string        `default:"docs/performance.md" help:"Page whose sections are replaced, from the repository's folder."`
}

// section is a part of the page.
type section struct {
	name     string
	question measurement
	part     int // of the time, beside the others'
}

// sections are the page's, in its order.
var sections = []section{
	{"ingest", tables(measure.Ingest), 9},
	{"apply", tables(measure.Apply), 15},
	{"rebuild", tables(measure.Rebuild), 16},
	{"read", tables(measure.Read), 10},
	{"visible", tables(measure.Visible), 3},
	{"grow", curves, 13},
}

// Run measures section after section and writes each as soon as it is there: who stops the run keeps what was measured. What
// fails stands in its section and is an error in the end; the others go on. Each section has servers of its own, so that
// none pays for another's rows; to see that everything runs, one set will do.
func (a all) Run(ctx context.Context, c *common) error {
	chosen := slices.DeleteFunc(slices.Clone(sections), func(s section) bool { return len(a.Only) > 0 && !slices.Contains(a.Only, s.name) })
	return a.measure(ctx, c, chosen)
}

func (a all) measure(ctx context.Context, c *common, chosen []section) (err error) {
	page, err := a.page()
	if err != nil {
		return err
	}
	o, ask := c.options(), c.ask
	if c.Quick {
		r, failed := c.rig()
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, r.Close()) }()
		ask = func(ctx context.Context, o measure.Options, question measurement) (report.Report, error) {
			return c.askWith(ctx, r, o, question)
		}
	} else {
		o = sized(o, a.Budget)
	}
	end := time.Now().Add(budgetOf(chosen, a.Budget))
	var failed []string
	for i, s := range chosen {
		if !c.Quick {
			now := time.Now()
			o.Deadline = now.Add(firstShare(chosen[i:], end.Sub(now)))
			say("%s, until %s", s.name, o.Deadline.Format(time.TimeOnly))
		}
		found, err := ask(ctx, o, s.question)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			found.Failures = append(found.Failures, err.Error())
			say("%s: failed: %v", s.name, err)
		}
		found.Command = fmt.Sprintf("go run ./bench %s --duration %s --records %d", s.name, o.Lasts, o.Records)
		if c.Peers {
			found.Command += " --peers"
		}
		if err := report.Update(page, s.name, found); err != nil {
			return err
		}
		failed = append(failed, found.Failed()...)
	}
	if len(failed) > 0 {
		return fmt.Errorf("dropped out:\n  %s", strings.Join(failed, "\n  "))
	}
	return nil
}

// sized returns options for a budget: turns and topics of its size, within what means anything and can be waited for.
func sized(o measure.Options, budget time.Duration) measure.Options {
	share := budget.Seconds() / usual.Seconds()
	o.Lasts = max(time.Second, time.Duration(share*float64(o.Lasts)).Round(100*time.Millisecond))
	o.Records = min(5_000_000, max(100_000, int64(share*float64(o.Records))))
	return o
}

// budgetOf returns the part of the budget that these of all sections have.
func budgetOf(some []section, budget time.Duration) time.Duration {
	return budget * time.Duration(parts(some)) / time.Duration(parts(sections))
}

// firstShare returns how much of what is left the first of the sections has: what one saves, all others share.
func firstShare(left []section, rest time.Duration) time.Duration {
	return rest * time.Duration(left[0].part) / time.Duration(parts(left))
}

func parts(of []section) (sum int) {
	for _, s := range of {
		sum += s.part
	}
	return sum
}

// page returns where the page is.
func (a all) page() (string, error) {
	if filepath.IsAbs(a.Page) {
		return a.Page, nil
	}
	root, err := rig.Checkout()
	return filepath.Join(root, a.Page), err
}
