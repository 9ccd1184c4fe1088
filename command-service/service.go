// Package commandservice takes commands over HTTP, publishes them to Kafka, and answers each with a ticket once every
// in-sync replica has it.
//
// It has no database and keeps nothing itself: any number of these processes may run side by side.
package commandservice

import (
	"context"
	_ "embed"
	"strings"

	"github.com/counterfoil/counterfoil/command-service/internal/accept"
	"github.com/counterfoil/counterfoil/command-service/internal/api"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/service"
	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

//go:embed openapi.yaml
var openAPI []byte

// Run runs the service until ctx ends, then answers the requests under way and returns. It starts whether or not Kafka
// is there, and is ready once it is. It returns an error if a port cannot be opened.
func Run(ctx context.Context, cfg Config) error {
	if cfg.LogOutput == nil {
		cfg.LogOutput = telemetry.Stdout
	}
	log := telemetry.NewLogger(cfg.LogOutput, cfg.LogLevel, "command-service")
	registry := telemetry.NewRegistry()

	listener, err := web.ListenOr(ctx, cfg.Listener, cfg.ServerPort)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	adminListener, err := web.ListenOr(ctx, cfg.AdminListener, cfg.AdminPort)
	if err != nil {
		return err
	}
	defer func() { _ = adminListener.Close() }()

	producer := kafka.NewProducer(kafka.ProducerConfig{
		Config: cfg.Kafka,
		Topic: kafka.TopicSpec{
			Name: cfg.PublishTopic, Partitions: cfg.Partitions, Replication: cfg.Replication, MinInSync: cfg.MinInSync,
		},
		Wait: cfg.AckTimeout, InFlight: cfg.MaxInFlight,
	}, log, registry)

	health := &web.Health{}
	health.Add(func() web.Status { return reachable(producer) })
	health.Add(func() web.Status { return trustworthy(producer) })

	router := web.NewRouter(log, registry, health, openAPI)
	api.New(accept.New(producer, log), cfg.QueryURL).Register(router)

	return service.Run(ctx, log,
		web.Server("admin", log, adminListener, web.Admin(registry)),
		service.Part{Name: "producer", Run: producer.Run},
		web.Server("http", log, listener, router),
		service.Part{Name: "readiness", Run: health.Drain(log, cfg.DrainDelay)},
	)
}

// reachable says whether commands can be published.
func reachable(producer *kafka.Producer) web.Status {
	ready, detail, _ := producer.Status()
	return web.Status{Name: "kafka", OK: ready, Detail: detail}
}

// trustworthy warns of settings of the topic that endanger the promises. The service works with them all the same.
func trustworthy(producer *kafka.Producer) web.Status {
	_, _, warnings := producer.Status()
	return web.Status{Name: "topic", OK: true, Warning: len(warnings) > 0, Detail: strings.Join(warnings, "; ")}
}
