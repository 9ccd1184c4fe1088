package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/alecthomas/kong"

	"github.com/counterfoil/counterfoil/counterfoil/internal/dev"
	"github.com/counterfoil/counterfoil/counterfoil/internal/doctor"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/history"
	"github.com/counterfoil/counterfoil/counterfoil/internal/parked"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/status"
	"github.com/counterfoil/counterfoil/counterfoil/internal/ticket"
	"github.com/counterfoil/counterfoil/counterfoil/internal/versions"
)

// grammar is what can be written on the command line.
type grammar struct {
	Output  string `short:"o" enum:"table,json" default:"table" help:"How results are written: ${enum}. json is one line on standard output; messages go to standard error." placeholder:"FORMAT"`
	Verbose bool   `short:"v" help:"Say which services and servers are used, and where they were named."`

	Dev       dev.Command       `cmd:"" help:"Run everything in one process, for evaluation and tests."`
	Doctor    doctor.Command    `cmd:"" help:"Check broker, database, read models and services, and say what to do about each fault."`
	Send      ticket.Send       `cmd:"" help:"Send a timestamp command and show its ticket."`
	Get       ticket.Get        `cmd:"" help:"Show what became of a command."`
	Status    status.Command    `cmd:"" help:"Show how far each read model is: checkpoint, end and lag of every partition."`
	Parked    parked.Commands   `cmd:"" help:"What is set aside because it cannot apply, and decisions about it."`
	ReadModel versions.Commands `cmd:"" name:"readmodel" help:"Versions of read models: plan, migrate, build, verify, switch, roll back, retire, drop."`
	History   history.Commands  `cmd:"" help:"Going on although a topic no longer holds what is still needed."`
	Version   version           `cmd:"" help:"Show which build this is."`
}

const description = `The operator's tool of Counterfoil.

Where services and servers are: a flag comes first, then the environment (COMMAND_URL, QUERY_URL, CONSUMER_URL,
KAFKA_BROKER, DB_URL with DB_USERNAME and DB_PASSWORD), then what a running "counterfoil dev" left in .counterfoil/env,
then the standard ports. NO_COLOR turns colour off.

` + exit.Documentation

// parse reads the arguments. It returns nil where they ask for help, which was shown.
func parse(cli *grammar, args []string) (parsed *kong.Context, err error) {
	helped := false
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:], "--help")
	}
	parser, err := kong.New(cli,
		kong.Name("counterfoil"),
		kong.Description(description),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, Compact: true, NoAppDescFormat: true, WrapUpperBound: 120}),
		kong.Exit(func(int) { helped = true }),
		kong.Writers(os.Stdout, os.Stderr),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(duration)),
	)
	if err != nil {
		return nil, fmt.Errorf("the grammar of the command line is wrong: %w", err)
	}
	parsed, err = parser.Parse(args)
	switch {
	case helped:
		return nil, nil
	case err != nil && len(args) == 0:
		return nil, fmt.Errorf("%w; `counterfoil --help` shows them, `counterfoil dev` is where to begin", err)
	case err != nil:
		return nil, fmt.Errorf("%w; see `counterfoil --help`", err)
	}
	return parsed, nil
}

// duration reads a flag's duration, and shows how one is written where it is not.
func duration(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		example := "5s"
		if _, err := time.ParseDuration(text + "s"); err == nil {
			example = text + "s"
		}
		return fmt.Errorf("%q has no unit or is no duration; write it like %s or 300ms", text, example)
	}
	target.SetInt(int64(d))
	return nil
}

// printer returns where results go. The arguments decide about JSON also where they could not be parsed.
func (g *grammar) printer(args []string) *show.Printer {
	json := g.Output == "json" || slices.Contains(args, "-ojson") || slices.Contains(args, "--output=json")
	return show.New(show.Options{
		Out: os.Stdout, Err: os.Stderr, JSON: json, Verbose: g.Verbose,
		ColourOut: show.Colour(os.Stdout, os.Getenv), ColourErr: show.Colour(os.Stderr, os.Getenv),
		Terminal: show.Terminal(os.Stderr, os.Getenv),
	})
}
