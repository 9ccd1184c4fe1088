// Package dev is the command dev: broker, PostgreSQL and the three services in one process, for evaluation and tests.
//
// It promises that the services run as they do elsewhere (their own Run with their own settings), that what was
// acknowledged is there again after any kind of end, and that it touches nothing but its own data directory. It does not
// promise what a cluster does: the embedded broker has one node and no replicas.
package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/embedded"
)

// Command is `counterfoil dev`.
type Command struct {
	Data            string      `help:"Directory for everything that is kept." default:".counterfoil" type:"path"`
	Fresh           bool        `help:"Begin anew: remove what an earlier run kept in the data directory."`
	Host            string      `help:"Address that the services listen on; 0.0.0.0 lets other machines in." default:"127.0.0.1"`
	CommandPort     int         `help:"Port of the command-service." default:"7080"`
	QueryPort       int         `help:"Port of the query-service." default:"7081"`
	GRPCPort        int         `name:"grpc-port" help:"Port of the query-service's gRPC." default:"7090"`
	QueryExtraPorts []int       `help:"Further ports of the query-service, separated by commas; may be empty." default:"7082"`
	ConsumerPort    int         `help:"Port of the consumer-service." default:"7083"`
	BrokerPort      int         `help:"Port of the embedded broker." default:"7092"`
	DBPort          int         `name:"db-port" help:"Port of PostgreSQL." default:"7432"`
	ReadModels      string      `help:"Directory of the declared read models; without it READ_MODELS_DIR, or the built-in ones." type:"path" placeholder:"DIR"`
	GroupID         string      `name:"group-id" help:"Base name of the consumer groups; a new one replays the topics from offset 0. Without it KAFKA_GROUP_ID." placeholder:"NAME"`
	LogLevel        *slog.Level `help:"What the services log: debug, info, warn or error. Without it LOG_LEVEL." placeholder:"LEVEL"`
}

// Help is shown by --help.
func (c *Command) Help() string {
	return `Broker, PostgreSQL and the three services in one process: for evaluation and tests, since the embedded broker has no
replicas. Ctrl-C drains and stops, a second one exits at once; either way everything that was acknowledged is there when
it starts again.

Examples:

    counterfoil dev
    counterfoil dev --fresh
    counterfoil dev --data /tmp/second --command-port 8080 --query-port 8081 --query-extra-ports= \
        --consumer-port 8083 --grpc-port 8090 --broker-port 8092 --db-port 8432
    counterfoil dev --group-id timestamp-consumer-2

The admin port of each service (metrics, pprof) is 100 above its port, on 127.0.0.1. Port 0 takes a free one. The other
settings of the services (ACK_TIMEOUT, MAX_WAITING, …) come from the environment. Where everything is stands in the file
env of the data directory while it runs; what the services have to say stands in log/ there.

It exits with 0 after Ctrl-C or SIGTERM, with 2 when the environment is wrong, and with 1 when a part failed or a port is
taken.`
}

// Run starts everything, tells when it is ready, and goes on until ctx ends or a part fails.
func (c *Command) Run(ctx context.Context, p *show.Printer) (err error) {
	p.Say("counterfoil dev: everything in one process, for evaluation and tests (the embedded broker has no replicas)")
	unused, err := disown()
	if err != nil {
		return err
	}
	if len(unused) > 0 {
		p.Say("  not used, because dev brings its own: %s of the environment", strings.Join(unused, ", "))
	}
	settings, err := c.readSettings()
	if err != nil {
		return err
	}
	home, err := openHome(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.close()) }()
	say := func(what string) { p.Say("  %s", what) }
	// Before the look at the ports, because it may hold one of them.
	if err := embedded.StopLeftover(ctx, home.postgres(), say); err != nil {
		return err
	}
	listeners, err := c.listen(ctx)
	if err != nil {
		return fmt.Errorf("nothing was started:\n%w", err)
	}
	defer listeners.close()
	if c.Fresh {
		say("beginning anew: emptying " + home.dir)
		if err := home.empty(ctx, say); err != nil {
			return fmt.Errorf("begin anew: %w", err)
		}
	}
	home.used = true
	err = c.run(ctx, p, home, settings, listeners)
	switch {
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return errors.New("stopped before it was ready")
	case err == nil:
		p.Say("stopped; everything is kept in %s", home.dir)
	}
	return err
}
