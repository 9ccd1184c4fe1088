// Command counterfoil is the operator's tool: it runs everything on one machine, sends commands, reads what became of
// them, and looks after a running system.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal has its default effect again: the process exits
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run parses the arguments and runs the command that they name. It returns the exit code.
func run(ctx context.Context, args []string) int {
	cli := &grammar{}
	parsed, err := parse(cli, args)
	p := cli.printer(args)
	if err != nil {
		p.Failure(err, exit.Usage)
		return exit.Usage
	}
	if parsed == nil {
		return exit.OK // help was shown
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(p); err != nil {
		code := exit.Code(err)
		p.Failure(err, code)
		return code
	}
	return exit.OK
}
