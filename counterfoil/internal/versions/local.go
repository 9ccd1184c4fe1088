package versions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
	"github.com/counterfoil/counterfoil/shared/service"
)

// token names this process in the control tables, so that others leave the version alone.
func (c *Build) token() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s, process %d", target.Person(c.By), host, os.Getpid())
}

// local fills the version in this process, until it is ready or ctx ends.
func (c *Build) local(ctx context.Context, p *show.Printer, o *operation, v readmodel.Version) error {
	cfg, err := c.settings(o, v)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		ended <- consumerservice.Run(running, cfg)
	}()
	err = c.watch(ctx, p, o, v, ended)
	stop()
	<-done
	if ctx.Err() != nil {
		return exit.With(exit.NotYet, errors.Join(errors.New("stopped; the same command goes on where it was, and without --local the consumer-services do"), err))
	}
	return err
}

// settings are those of a consumer-service that builds one version as the owner of the database.
func (c *Build) settings(o *operation, v readmodel.Version) (consumerservice.Config, error) {
	var cfg consumerservice.Config
	if err := service.FromEnvironment(&cfg); err != nil {
		return cfg, exit.With(exit.Usage, fmt.Errorf("the environment is wrong: %w", err))
	}
	broker, _, err := o.finder.FindBroker(c.Broker)
	if err != nil {
		return cfg, err
	}
	connections := cfg.Database.MaxConns
	cfg.Kafka.Brokers, cfg.Database = broker.Brokers, o.cfg
	cfg.Database.MaxConns, cfg.OwnerUsername, cfg.OwnerPassword = connections, "", ""
	cfg.ReadModelsDir = o.finder.Find(target.ReadModels, c.ReadModels).Value
	cfg.ConsumerTopic, cfg.GroupID = o.finder.Find(target.ConsumerTopic, "").Value, o.finder.Find(target.GroupID, "").Value
	cfg.ServerPort, cfg.AdminPort = 0, 0
	cfg.LogOutput, cfg.LogLevel = os.Stderr, slog.LevelWarn
	cfg.Only = &consumerservice.Only{ReadModel: v.Name, Version: v.Number, Builder: v.Builder}
	if err := cfg.Validate(); err != nil {
		return cfg, exit.With(exit.Usage, fmt.Errorf("the environment is wrong: %w", err))
	}
	return cfg, nil
}
