// Package doctor is the command doctor: it looks at the broker, the database, the read models and the services, and says
// what to do about each fault. It changes nothing.
package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Command is `counterfoil doctor`.
type Command struct {
	Broker      string `help:"Brokers to connect to first, host:port, separated by commas." placeholder:"HOST:PORT"`
	DBURL       string `name:"db-url" help:"PostgreSQL URL, best as the owner of the database." placeholder:"URL"`
	CommandURL  string `name:"command-url" help:"Address of the command-service." placeholder:"URL"`
	QueryURL    string `name:"query-url" help:"Address of the query-service." placeholder:"URL"`
	ConsumerURL string `name:"consumer-url" help:"Address of the consumer-service." placeholder:"URL"`
	Topic       string `help:"Topic of the commands; without it KAFKA_PUBLISH_TOPIC, or timestamp.command.v1." placeholder:"TOPIC"`
	Data        string `help:"Data directory of counterfoil dev, whose file env says where everything is." default:".counterfoil" type:"path"`
}

// Help is shown by --help.
func (c *Command) Help() string {
	return `Examples:

    counterfoil doctor
    counterfoil doctor --broker kafka-1:9092 --db-url postgres://counterfoil_owner@db/counterfoil
    counterfoil doctor -o json | jq '.[] | select(.status == "failed")'

It changes nothing. The exit code is 1 when a check failed; warnings leave it at 0.`
}

// Run makes all checks and shows what they found.
func (c *Command) Run(ctx context.Context, p *show.Printer) error {
	finder, err := target.NewFinder(c.Data, os.Getenv)
	if err != nil {
		return err
	}
	// A mistake in the arguments is no finding.
	if _, _, err := finder.FindBroker(c.Broker); err != nil {
		return err
	}
	if _, _, err := finder.FindDatabase(c.DBURL); err != nil {
		return err
	}
	e := &examination{Command: c, finder: finder}
	defer e.close()
	e.kafka()
	e.database(ctx)
	e.readModels(ctx)
	if err := e.services(ctx); err != nil {
		return err
	}
	if err := p.Result(e.findings, e.page); err != nil {
		return err
	}
	if failed := e.count(Failed); failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(e.findings))
	}
	return nil
}

// examination is one run of all checks; a later check uses what an earlier one opened, and is skipped without it.
type examination struct {
	*Command
	report
	finder *target.Finder
	admin  *kafka.Admin
	pool   *postgres.Pool
}

func (e *examination) close() {
	if e.admin != nil {
		_ = e.admin.Close()
	}
	if e.pool != nil {
		e.pool.Close()
	}
}

func (e *examination) topic() string {
	return cmp.Or(e.Topic, os.Getenv("KAFKA_PUBLISH_TOPIC"), command.TimestampTopic)
}
