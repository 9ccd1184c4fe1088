package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/measure"
	"github.com/counterfoil/counterfoil/bench/internal/report"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// measurement is one question: it adds what it found to the report.
type measurement func(ctx context.Context, r *rig.Rig, o measure.Options, to *report.Report) error

// tables is a measurement that only compares.
func tables(compare func(context.Context, *rig.Rig, measure.Options) ([]contest.Table, error)) measurement {
	return func(ctx context.Context, r *rig.Rig, o measure.Options, to *report.Report) error {
		found, err := compare(ctx, r, o)
		to.Tables = append(to.Tables, found...)
		return err
	}
}

// curves is a measurement of how costs grow.
func curves(ctx context.Context, r *rig.Rig, o measure.Options, to *report.Report) error {
	found, err := measure.Grow(ctx, r, o)
	to.Curves = append(to.Curves, found...)
	return err
}

type (
	ingest  struct{}
	apply   struct{}
	read    struct{}
	visible struct{}
	rebuild struct{}
	grow    struct{}
)

func (ingest) Run(ctx context.Context, c *common) error { return c.show(ctx, tables(measure.Ingest)) }

func (apply) Run(ctx context.Context, c *common) error { return c.show(ctx, tables(measure.Apply)) }

func (read) Run(ctx context.Context, c *common) error { return c.show(ctx, tables(measure.Read)) }

func (visible) Run(ctx context.Context, c *common) error { return c.show(ctx, tables(measure.Visible)) }

func (rebuild) Run(ctx context.Context, c *common) error { return c.show(ctx, tables(measure.Rebuild)) }

func (grow) Run(ctx context.Context, c *common) error { return c.show(ctx, curves) }

// show measures and writes the report. What dropped out is an error, once the report is written.
func (c *common) show(ctx context.Context, question measurement) error {
	found, err := c.ask(ctx, c.options(), question)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		found.Failures = append(found.Failures, err.Error())
	}
	write := found.Text
	if c.Output == "json" {
		write = found.JSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	return complete(found)
}

// complete returns an error where a contestant dropped out.
func complete(found report.Report) error {
	if failed := found.Failed(); len(failed) > 0 {
		return fmt.Errorf("dropped out:\n  %s", strings.Join(failed, "\n  "))
	}
	return nil
}

// ask measures with servers of its own.
func (c *common) ask(ctx context.Context, o measure.Options, question measurement) (found report.Report, err error) {
	r, err := c.rig()
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return c.askWith(ctx, r, o, question)
}

func (c *common) rig() (*rig.Rig, error) {
	return rig.New(rig.Config{Embedded: c.Embedded, Profiles: c.Profiles, Say: say})
}

// askWith measures with servers that may run already.
func (c *common) askWith(ctx context.Context, r *rig.Rig, o measure.Options, question measurement) (report.Report, error) {
	found := report.Report{
		Machine: report.Machine(), Load: report.Load(), Broker: r.BrokerName(), Postgres: postgresVersion(),
		Go: runtime.Version(), Revision: report.Revision(r.Root()), Began: time.Now(),
		Command: "go run ./bench " + strings.Join(os.Args[1:], " "),
	}
	err := question(ctx, r, o, &found)
	found.Took = time.Since(found.Began)
	return found, err
}

// postgresVersion returns the name and version of the machine's PostgreSQL, "" where it is downloaded instead.
func postgresVersion() string {
	output, err := exec.Command("sh", "-c", `PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)" postgres --version`).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Replace(string(output), "postgres (PostgreSQL)", "PostgreSQL", 1))
}

// say tells a person how far it is.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
