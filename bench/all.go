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
	Budget time.Duration `default:"30m" help:"About how long it may take: turns get shorter and topics smaller, or longer and larger."`
	Only   []string      `enum:"ingest,apply,rebuild,read,visible,grow" help:"Only these sections of the page, separated by commas." placeholder:"SECTION"`
	Page   string        `default:"docs/performance.md" help:"Page whose sections are replaced, from the repository's folder."`
}

// sections are the page's, in its order.
var sections = []struct {
	name     string
	question measurement
}{
	{"ingest", tables(measure.Ingest)},
	{"apply", tables(measure.Apply)},
	{"rebuild", tables(measure.Rebuild)},
	{"read", tables(measure.Read)},
	{"visible", tables(measure.Visible)},
	{"grow", curves},
}

// Run measures section after section and writes each as soon as it is there: who stops the run keeps what was measured.
// Each section has servers of its own, so that none pays for another's rows; to see that everything runs, one set will do.
func (a all) Run(ctx context.Context, c *common) (err error) {
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
		share := a.Budget.Seconds() / usual.Seconds()
		o.Lasts = max(time.Second, time.Duration(share*float64(o.Lasts)))
		o.Records = max(100_000, int64(share*float64(o.Records)))
	}
	var failed []string
	for _, section := range sections {
		if len(a.Only) > 0 && !slices.Contains(a.Only, section.name) {
			continue
		}
		found, err := ask(ctx, o, section.question)
		if err != nil {
			return fmt.Errorf("%s: %w", section.name, err)
		}
		found.Command = fmt.Sprintf("go run ./bench %s --rounds %d --duration %s --records %d", section.name, o.Rounds, o.Lasts, o.Records)
		if err := report.Update(page, section.name, found); err != nil {
			return err
		}
		failed = append(failed, found.Failed()...)
	}
	if len(failed) > 0 {
		return fmt.Errorf("dropped out:\n  %s", strings.Join(failed, "\n  "))
	}
	return nil
}

// page returns where the page is.
func (a all) page() (string, error) {
	if filepath.IsAbs(a.Page) {
		return a.Page, nil
	}
	root, err := rig.Checkout()
	return filepath.Join(root, a.Page), err
}
