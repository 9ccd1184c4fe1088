package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes of every process.
const (
	ExitOK     = 0
	ExitFailed = 1 // it ran and failed
	ExitUsage  = 2 // its configuration or its arguments are wrong
)

// Main is the body of a service's main function: it reads the configuration of type C from the environment, runs the
// service until SIGINT or SIGTERM, and returns the exit code. The first signal drains, the second one exits at once.
// With --health it runs nothing and asks the service that runs already.
func Main[C any, P interface {
	*C
	Validate() error
}](name string, run func(context.Context, C) error) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() { PrintUsage(flags.Output(), name, new(C)) }
	health := flags.Bool("health", false, "")
	if err := flags.Parse(os.Args[1:]); errors.Is(err, flag.ErrHelp) {
		return ExitOK
	} else if err != nil {
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
	err := FromEnvironment(&cfg)
	if err == nil {
		err = P(&cfg).Validate()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: the configuration is wrong:\n%v\nRun %s --help for every variable.\n", name, err, name)
		return ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its default effect again: the process exits
	if err := run(ctx, cfg); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return ExitFailed
	}
	return ExitOK
}
