// Package versions is the commands readmodel …: the life of the versions of read models, from the plan to the drop.
//
// It decides nothing itself: every change is one function of shared/readmodel. It finds declarations and servers, asks
// Kafka what there is to read, and shows what goes on.
package versions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Commands are the commands below `counterfoil readmodel`.
type Commands struct {
	Plan     Plan     `cmd:"" help:"Say for each read model whether a new version is needed, why, and what building it takes."`
	Migrate  Migrate  `cmd:"" help:"Make the versions that plan says; they are empty then."`
	Build    Build    `cmd:"" help:"Fill a version from offset 0, and wait until it is as current as the serving one."`
	Verify   Verify   `cmd:"" help:"Compare a version with the serving one at the same positions."`
	Switch   Switch   `cmd:"" help:"Make a version serve that is ready and was verified."`
	Rollback Rollback `cmd:"" help:"Make the version serve that served before."`
	Retire   Retire   `cmd:"" help:"No longer keep a version current; its rows stay."`
	Drop     Drop     `cmd:"" help:"Remove a version with its rows."`
	Status   Status   `cmd:"" help:"Show all versions: state, lag, rows that are parked, size, verification."`
	History  History  `cmd:"" help:"Show what happened to versions, who did it and why."`
}

// steps is the way of a new version, for --help.
const steps = `
The way of a new version: plan, migrate, build, verify, switch; rollback goes back; retire and drop clear up.`

// Author are the flags of a command that changes something.
type Author struct {
	By     string `help:"Who does it; without it the name of the user who runs this." placeholder:"NAME"`
	Reason string `help:"Why; it is written into the history." placeholder:"TEXT"`
}

func (a Author) mandate() readmodel.Mandate {
	return readmodel.Mandate{By: target.Person(a.By), Reason: a.Reason}
}

// Which names the version that a command is about.
type Which struct {
	Model  string `arg:"" help:"Name of the read model."`
	Number string `arg:"" optional:"" name:"version" help:"Number of the version, such as 2 or v2; without it the newest one that is not dropped."`
}

// number returns the version that is meant.
func (w Which) number(ctx context.Context, db readmodel.Database) (int, error) {
	if w.Number != "" {
		return parseNumber(w.Number)
	}
	all, err := readmodel.Versions(ctx, db)
	if err != nil {
		return 0, fmt.Errorf("read the versions: %w", err)
	}
	newest := 0
	for _, v := range all {
		if v.Name == w.Model && v.State != readmodel.Dropped {
			newest = v.Number
		}
	}
	if newest == 0 {
		return 0, exit.With(exit.NotYet, fmt.Errorf("there is no version of %s; `counterfoil readmodel status` shows what there is", w.Model))
	}
	return newest, nil
}

func parseNumber(text string) (number int, err error) {
	if _, err := fmt.Sscanf(strings.TrimPrefix(text, "v")+"\n", "%d\n", &number); err != nil || number < 1 {
		return 0, exit.With(exit.Usage, fmt.Errorf("%q is not the number of a version, such as 2", text))
	}
	return number, nil
}

// operation is a command at work on the database as its owner.
type operation struct {
	finder *target.Finder
	conn   *postgres.Conn
	cfg    postgres.Config
}

// open connects. What the command does is shown to other operators while it is at work.
func open(ctx context.Context, servers target.Servers, p *show.Printer, what string, a Author) (*operation, error) {
	finder, err := servers.Finder()
	if err != nil {
		return nil, err
	}
	conn, cfg, err := finder.OpenOwner(ctx, servers.DBURL, fmt.Sprintf("counterfoil %s by %s", what, target.Person(a.By)))
	if err != nil {
		return nil, err
	}
	p.Explain("PostgreSQL %v", cfg.Address().Value)
	return &operation{finder, conn, cfg}, nil
}

func (o *operation) close(ctx context.Context) { _ = o.conn.Close(context.WithoutCancel(ctx)) }

// coded gives an error of shared/readmodel its exit code.
func coded(err error) error {
	switch {
	case err == nil:
		return nil
	case postgres.IsMissing(err):
		return exit.With(exit.NotYet, errors.New("the database has no control tables; start the consumer-service, which makes them"))
	case errors.Is(err, readmodel.ErrRunning):
		return exit.With(exit.Running, err)
	case errors.Is(err, readmodel.ErrRefused):
		return exit.With(exit.State, err)
	case errors.Is(err, readmodel.ErrNotYet), errors.Is(err, readmodel.ErrAbsent):
		return exit.With(exit.NotYet, err)
	}
	return err
}
