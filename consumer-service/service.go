// Package consumerservice applies the records of Kafka to the read models in PostgreSQL.
//
// It promises G3 to G7 and G11 of docs/guarantees.md: every record's effect is there exactly once, in the order of its
// partition, or the record is parked with its reason; and a database that was lost is filled again from offset 0.
package consumerservice

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/consumer-service/internal/delivery"
	"github.com/counterfoil/counterfoil/consumer-service/internal/rebuild"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
	"github.com/counterfoil/counterfoil/shared/service"
	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

//go:embed openapi.yaml
var openAPI []byte

// Run consumes until ctx ends, then finishes the batches under way.
func Run(ctx context.Context, cfg Config) error {
	if cfg.LogOutput == nil {
		cfg.LogOutput = os.Stdout
	}
	log := telemetry.NewLogger(cfg.LogOutput, cfg.LogLevel, "consumer-service")
	registry := telemetry.NewRegistry()
	health := &web.Health{}

	declarations, err := readmodel.Load(cfg.ReadModelsDir, map[string]string{"KAFKA_CONSUMER_TOPIC": cfg.ConsumerTopic})
	if err != nil {
		return fmt.Errorf("read the declarations: %w", err)
	}
	pool, err := postgres.Connect(ctx, cfg.Database, "counterfoil-consumer", false)
	if err != nil {
		return err
	}
	defer pool.Close()
	postgres.RegisterPool(registry, pool)
	public, err := web.ListenOr(ctx, cfg.Listener, cfg.ServerPort)
	if err != nil {
		return err
	}
	private, err := web.ListenOr(ctx, cfg.AdminListener, cfg.AdminPort)
	if err != nil {
		return err
	}

	parts := []service.Part{web.Server("admin", log, private, web.Admin(registry))}
	metrics := delivery.NewMetrics(registry)
	for _, d := range declarations {
		parts = append(parts, version(cfg, d, pool, deps{log, registry, health, metrics}))
	}
	return service.Run(ctx, log, append(parts,
		web.Server("http", log, public, web.NewRouter(log, registry, health, openAPI)),
		service.Part{Name: "drain", Run: health.Drain(log, cfg.DrainDelay)},
	)...)
}

// version returns the part that keeps one version of a read model current, in a consumer group of its own.
func version(cfg Config, d *readmodel.Declaration, pool *postgres.Pool, deps deps) service.Part {
	group := d.Group(cfg.GroupID)
	owner := cfg.Database.As(cfg.OwnerUsername, cfg.OwnerPassword)
	prepare := func(ctx context.Context) error { return rebuild.Prepare(ctx, owner, d, group, deps.log) }
	handler := delivery.New(d, apply.New(pool, d, group), prepare, deps.log, deps.metrics)
	member := kafka.NewGroup(kafka.GroupConfig{
		Config: cfg.Kafka, GroupID: group, Topics: []string{d.Source.Topic}, SessionTimeout: cfg.SessionTimeout,
	}, handler, deps.log, deps.registry)
	deps.health.Add(func() web.Status {
		ok, detail := delivery.Joined(member)
		return web.Status{Name: "group " + group, OK: ok, Detail: detail}
	})
	deps.health.Add(func() web.Status {
		ok, detail := handler.Status()
		return web.Status{Name: "read model " + d.Label(), OK: ok, Detail: detail}
	})
	return service.Part{Name: d.Label(), Run: member.Run}
}

// deps are what every part of the process shares.
type deps struct {
	log      *slog.Logger
	registry *prometheus.Registry
	health   *web.Health
	metrics  *delivery.Metrics
}
