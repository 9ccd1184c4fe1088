// Command bench measures Counterfoil side by side with peers and with the limits of the machine:
//
//	go run ./bench ingest
//	go run ./bench all
//
// Contestants take turns in rounds, on the same servers, and are compared by the ratios within a round: absolute figures
// say more about the machine than about the programs. docs/performance.md is what it wrote last.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	cli, parsed, err := parse(args)
	if err != nil {
		return err
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	return parsed.Run(&cli.common)
}

// parse reads the command line.
func parse(args []string) (*grammar, *kong.Context, error) {
	cli := &grammar{}
	parser, err := kong.New(cli, kong.Name("bench"), kong.UsageOnError(),
		kong.Description("Measures Counterfoil side by side with peers and with the limits of the machine."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}))
	if err != nil {
		return nil, nil, err
	}
	parsed, err := parser.Parse(args)
	return cli, parsed, err
}
