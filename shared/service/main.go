package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Exit codes of every process.
const (
	ExitOK     = 0
	ExitFailed = 1 // it ran and failed
	ExitUsage  = 2 // its configuration or its arguments are wrong
)

// memoryLimit is the heap at which Go collects garbage more often instead of letting it grow to twice what is in use, unless
// GOMEMLIMIT or KeepWithin says otherwise. With it a service stays under 256 MiB within its other limits.
const memoryLimit = 176 << 20

// Main is the body of a service's main function: it reads the configuration of type C from the environment, runs the
// service until SIGINT or SIGTERM, and returns the exit code. The first signal drains, the second one exits at once.
// With --health it runs nothing and asks the service that runs already.
func Main[C any, P interface {
	*C
	Validate() error
}](name string, run func(context.Context, C) error) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {}
	health := flags.Bool("health", false, "")
	err := flags.Parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		PrintUsage(os.Stdout, name, new(C))
		return ExitOK
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("it takes no arguments such as %q", flags.Arg(0))
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "Run %s --help for what it takes.\n", name)
		return ExitUsage
	}
	if *health {
		if err := checkHealth(context.Background(), new(C)); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			return ExitFailed
		}
		return ExitOK
	}
	var cfg C
	if err := errors.Join(FromEnvironment(&cfg), P(&cfg).Validate()); err != nil {
		fmt.Fprintf(os.Stderr, "%s: the configuration is wrong:\n%v\nRun %s --help for every variable.\n", name, err, name)
		return ExitUsage
	}
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		KeepWithin(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its default effect again: the process exits
	defer telemetry.Stdout.Flush()
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return ExitFailed
	}
	return ExitOK
}
