package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/service"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

const (
	startLimit = 15 * time.Minute // of PostgreSQL, which may be downloaded first
	stopLimit  = 30 * time.Second // of PostgreSQL, after which it is stopped as by a crash
	database   = "counterfoil"
)

// run starts what the services stand on, then the services, and goes on until ctx ends or a part fails. Then it stops
// all of it in the reverse order.
func (c *Command) run(ctx context.Context, p *show.Printer, home *home, settings *settings, listeners *listeners) (err error) {
	journals, err := openJournals(home.logs(), p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journals.close()) }()
	log := telemetry.NewLogger(journals.dev, slog.LevelInfo, "dev")

	broker, err := startBroker(p, c.BrokerPort, home, telemetry.NewLogger(journals.broker, slog.LevelInfo, "broker"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Close()) }()
	p.Say("  broker on %s", broker.Addr())

	pg, err := startPostgres(ctx, p, c.DBPort, home, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopPostgres(ctx, p, pg)) }()
	p.Say("  PostgreSQL on %s:%d", loopback, pg.Port())

	roles, err := bootstrap(ctx, home, pg)
	if err != nil {
		return err
	}
	stack := newStack(home, broker, pg, roles, listeners)
	stack.configure(settings, journals)
	if err := createTopics(settings); err != nil {
		return err
	}
	return service.Run(ctx, log,
		service.Part{Name: "PostgreSQL", Run: func(ctx context.Context) error { return watch(ctx, p, pg) }},
		service.Part{Name: "consumer-service", Run: func(ctx context.Context) error { return consumerservice.Run(ctx, settings.consumer) }},
		service.Part{Name: "query-service", Run: func(ctx context.Context) error { return queryservice.Run(ctx, settings.query) }},
		service.Part{Name: "command-service", Run: func(ctx context.Context) error { return commandservice.Run(ctx, settings.command) }},
		service.Part{Name: "dev", Run: func(ctx context.Context) error { return stack.accompany(ctx, p, journals) }},
	)
}

// startBroker starts the broker, which reads what it keeps first.
func startBroker(p *show.Printer, port int, home *home, log *slog.Logger) (broker *embedded.Broker, err error) {
	err = step(p, "starting the broker", func() error {
		broker, err = embedded.StartBroker(embedded.BrokerConfig{Dir: home.broker(), Port: port, Log: log})
		return err
	})
	return broker, err
}

// startPostgres starts the database server, which takes long the first time.
func startPostgres(ctx context.Context, p *show.Printer, port int, home *home, log *slog.Logger) (pg *embedded.Postgres, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err = step(p, "starting PostgreSQL", func() error {
		pg, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
			Dir: home.postgres(), Port: port, Durable: true, Log: log,
			Progress: func(what string) { p.Say("  %s", what) },
		})
		return err
	})
	return pg, err
}

func stopPostgres(ctx context.Context, p *show.Printer, pg *embedded.Postgres) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	return step(p, "stopping PostgreSQL", func() error { return pg.Stop(ctx) })
}

// watch ends with an error when the server ends by itself.
func watch(ctx context.Context, p *show.Printer, pg *embedded.Postgres) error {
	select {
	case <-ctx.Done():
		return nil
	case <-pg.Done():
		p.Alert(show.Bad, "error", "PostgreSQL has ended by itself")
		return pg.Err()
	}
}

// bootstrap makes the three roles and the database.
func bootstrap(ctx context.Context, home *home, pg *embedded.Postgres) (postgres.Roles, error) {
	roles, err := rolePasswords(home.passwords())
	if err != nil {
		return roles, err
	}
	if err := postgres.Bootstrap(ctx, pg.URL("postgres"), database, roles); err != nil {
		return roles, fmt.Errorf("make roles and database: %w", err)
	}
	return roles, nil
}

// createTopics makes the command topic as the command-service would, so that the consumer finds it at its first try, and
// those that read models are declared to come from: nobody else is there to make them.
func createTopics(settings *settings) error {
	command := settings.command
	topics := []string{command.PublishTopic}
	for _, d := range settings.declared {
		topics = append(topics, d.Topics()...)
	}
	slices.Sort(topics)
	for _, topic := range slices.Compact(topics) {
		_, err := command.Kafka.EnsureTopic(kafka.TopicSpec{
			Name: topic, Partitions: command.Partitions, Replication: command.Replication, MinInSync: command.MinInSync,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
