// Package consumerservice applies the records of Kafka to the read models in PostgreSQL.
//
// It promises G3 to G7 and G11 of docs/guarantees.md: every record's effect is there exactly once, in the order of its
// partition, or the record is parked with its reason; and a database that was lost is filled again from offset 0.
package consumerservice

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

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

	declarations, err := cfg.declarations()
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

	w := wiring{
		cfg: cfg, files: declarations, pool: pool, log: log, registry: registry, health: health, metrics: delivery.NewMetrics(registry),
		owner:     rebuild.Preparer{Owner: cfg.Database.As(cfg.OwnerUsername, cfg.OwnerPassword), Log: log},
		decisions: apply.Ledger{Pool: pool, Group: cfg.GroupID + "." + control.Name},
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var ended error // why Only is no longer to be built here
	err = service.Run(ctx, log,
		web.Server("admin", log, private, web.Admin(registry)),
		service.Part{Name: "census", Run: apply.NewCensus(pool, log, registry).Run},
		service.Part{Name: "versions", Run: w.versions(func(err error) { ended = err; stop() })},
		service.Part{Name: control.Name, Run: w.control()},
		web.Server("http", log, public, web.NewRouter(log, registry, health, openAPI)),
		service.Part{Name: "drain", Run: health.Drain(log, cfg.DrainDelay)},
	)
	return errors.Join(ended, err)
}

// wiring is what all consumers of the process share.
type wiring struct {
	cfg       Config
	files     rebuild.Files
	pool      *postgres.Pool
	log       *slog.Logger
	registry  *prometheus.Registry
	health    *web.Health
	metrics   *delivery.Metrics
	owner     rebuild.Preparer
	decisions apply.Ledger
}

// bootstrap returns the declarations of models that get a first version here.
func (w wiring) bootstrap() rebuild.Files {
	if w.cfg.Only != nil {
		return nil
	}
	return w.files
}

// versions returns what keeps the versions of read models current as they come and go, or the only one that is to be built
// here, and then ends the process.
func (w wiring) versions(end func(error)) func(context.Context) error {
	supervisor := &rebuild.Supervisor{
		Preparer: w.owner, Pool: w.pool, Database: w.cfg.Database, Files: w.files, Reread: w.cfg.declarations, Bootstrap: w.bootstrap(), Only: w.cfg.Only, Ended: end, Keep: w.version, Log: w.log,
	}
	w.health.Add(func() web.Status {
		ok, warning, detail := supervisor.Status()
		return web.Status{Name: "versions", OK: ok, Warning: warning, Detail: detail}
	})
	return supervisor.Run
}

// version returns what keeps one version current, in a consumer group of its own, so that one that stands still does not
// hold another.
func (w wiring) version(d *readmodel.Declaration) rebuild.Kept {
	group := d.Group(w.cfg.GroupID)
	prepare := func(ctx context.Context) error {
		if err := w.owner.Version(ctx, d, group); err != nil {
			return err
		}
		return control.Settled(ctx, w.cfg.Kafka, w.cfg.ControlTopic, w.decisions)
	}
	applier := apply.New(w.pool, d, group)
	builder := &rebuild.Builder{Owner: w.owner.Owner, Declaration: d, By: w.name(), Log: w.log}
	var serving atomic.Bool
	consume := w.member(d.Label(), group, d.Topics(), delivery.New(d.Name, d.Version, applier, prepare, w.log, w.metrics), serving.Load)
	return rebuild.Kept{
		Changed: func(v readmodel.Version) {
			serving.Store(v.Serving())
			applier.Changed(v)
			builder.Changed(v)
		},
		Run: func(ctx context.Context) error {
			var building sync.WaitGroup
			building.Go(func() { builder.Run(ctx) })
			defer building.Wait()
			return consume(ctx)
		},
	}
}

// name says who does what this process does to versions.
func (w wiring) name() string {
	if w.cfg.Only != nil {
		return w.cfg.Only.Builder
	}
	return "consumer-service"
}

// control returns what carries out people's decisions, on all versions whoever keeps them.
func (w wiring) control() func(context.Context) error {
	versions := func(ctx context.Context, model string) ([]*apply.Applier, error) {
		declarations, err := w.files.Current(ctx, w.pool, model)
		appliers := make([]*apply.Applier, len(declarations))
		for i, d := range declarations {
			appliers[i] = apply.New(w.pool, d, d.Group(w.cfg.GroupID))
		}
		return appliers, err
	}
	prepare := func(ctx context.Context) error { return w.owner.Models(ctx, w.bootstrap()) } // a decision is about versions
	decider := control.New(w.decisions, versions, w.log, w.registry)
	handler := delivery.New(control.Name, 1, decider, prepare, w.log, w.metrics)
	return w.member(control.Name, w.decisions.Group, []string{w.cfg.ControlTopic}, handler, func() bool { return true })
}

// member returns what consumes topics in one group, and adds what it knows of itself to readiness and metrics meanwhile.
// What is wrong with a version that does not serve is a warning: the process does its work all the same.
func (w wiring) member(name, group string, topics []string, handler *delivery.Handler, needed func() bool) func(context.Context) error {
	member := kafka.NewGroup(kafka.GroupConfig{
		Config: w.cfg.Kafka, GroupID: group, Topics: topics, SessionTimeout: w.cfg.SessionTimeout,
	}, handler, w.log, w.registry)
	check := func(name string, status func() (ok bool, detail string)) (remove func()) {
		return w.health.Add(func() web.Status {
			ok, detail := status()
			needed := needed()
			return web.Status{Name: name, OK: ok || !needed, Warning: !ok && !needed, Detail: detail}
		})
	}
	return func(ctx context.Context) error {
		defer w.metrics.Watch(handler)()
		defer check("group "+group, func() (bool, string) { return delivery.Joined(member) })()
		defer check("read model "+name, handler.Status)()
		return member.Run(ctx)
	}
}
