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
	"github.com/counterfoil/counterfoil/consumer-service/internal/control"
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

	w := wiring{cfg: cfg, pool: pool, log: log, registry: registry, health: health, metrics: delivery.NewMetrics(registry)}
	parts := []service.Part{
		web.Server("admin", log, private, web.Admin(registry)),
		{Name: "census", Run: apply.NewCensus(pool, log, registry).Run},
	}
	parts = append(parts, w.consumers(declarations)...)
	return service.Run(ctx, log, append(parts,
		web.Server("http", log, public, web.NewRouter(log, registry, health, openAPI)),
		service.Part{Name: "drain", Run: health.Drain(log, cfg.DrainDelay)},
	)...)
}

// wiring is what all consumers of the process share.
type wiring struct {
	cfg      Config
	pool     *postgres.Pool
	log      *slog.Logger
	registry *prometheus.Registry
	health   *web.Health
	metrics  *delivery.Metrics
}

// consumers returns the parts that keep each version of a read model current, and the one that carries out decisions,
// each in a consumer group of its own, so that one that stands still does not hold another.
func (w wiring) consumers(declarations []*readmodel.Declaration) []service.Part {
	preparer := rebuild.Preparer{Owner: w.cfg.Database.As(w.cfg.OwnerUsername, w.cfg.OwnerPassword), Log: w.log}
	decisions := apply.Ledger{Pool: w.pool, Group: w.cfg.GroupID + "." + control.Name}
	var versions []*apply.Applier
	var parts []service.Part
	for _, d := range declarations {
		group := d.Group(w.cfg.GroupID)
		applier := apply.New(w.pool, d, group)
		versions = append(versions, applier)
		prepare := func(ctx context.Context) error {
			if err := preparer.Version(ctx, d, group); err != nil {
				return err
			}
			return control.Settled(ctx, w.cfg.Kafka, w.cfg.ControlTopic, decisions)
		}
		handler := delivery.New(d.Name, d.Version, applier, prepare, w.log, w.metrics)
		parts = append(parts, w.member(d.Label(), group, d.Topics(), handler))
	}
	decider := control.New(decisions, versions, w.log, w.registry)
	handler := delivery.New(control.Name, 1, decider, preparer.Control, w.log, w.metrics)
	return append(parts, w.member(control.Name, decisions.Group, []string{w.cfg.ControlTopic}, handler))
}

// member returns the part that consumes topics in one group, and adds what it knows of itself to readiness.
func (w wiring) member(name, group string, topics []string, handler *delivery.Handler) service.Part {
	member := kafka.NewGroup(kafka.GroupConfig{
		Config: w.cfg.Kafka, GroupID: group, Topics: topics, SessionTimeout: w.cfg.SessionTimeout,
	}, handler, w.log, w.registry)
	w.health.Add(func() web.Status {
		ok, detail := delivery.Joined(member)
		return web.Status{Name: "group " + group, OK: ok, Detail: detail}
	})
	w.health.Add(func() web.Status {
		ok, detail := handler.Status()
		return web.Status{Name: "read model " + name, OK: ok, Detail: detail}
	})
	return service.Part{Name: name, Run: member.Run}
}
