// Package queryservice answers what is in the read models, and what became of a command.
//
// It promises G9 of docs/guarantees.md: it reads as a database role that can only SELECT and refuses to run as one that
// can do more. It holds no state: every answer is PostgreSQL's, and any number of its processes give the same answers.
// It does not know Kafka.
package queryservice

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/counterfoil/counterfoil/query-service/internal/api"
	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/park"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/query-service/internal/rpc"
	"github.com/counterfoil/counterfoil/query-service/internal/ticket"
	"github.com/counterfoil/counterfoil/query-service/internal/wait"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
	"github.com/counterfoil/counterfoil/shared/service"
	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

//go:embed openapi.yaml
var openAPI []byte

// Run answers until ctx ends, then answers those who wait with what is known, and lets the requests under way end. It
// returns an error at once where a port is taken or the settings are unusable, and whenever the database role turns out
// to be allowed more than SELECT. A database that is away or empty is waited for.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	log := telemetry.NewLogger(cfg.LogOutput, cfg.LogLevel, "query-service")
	registry := telemetry.NewRegistry()
	health := &web.Health{}

	pool, err := postgres.Connect(ctx, cfg.Database, "counterfoil-query", true)
	if err != nil {
		return err
	}
	defer pool.Close()
	postgres.RegisterPool(registry, pool)
	public, private, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	calls, err := web.ListenOr(ctx, cfg.GRPCListener, cfg.GRPCPort)
	if err != nil {
		return fmt.Errorf("GRPC_PORT: %w", err)
	}

	models := catalog.New(pool, cfg.Pins, cfg.QueryTimeout, log)
	reader := read.New(models, cfg.LargeTable, cfg.MaxQueries, cfg.QueryTimeout/5)
	health.Add(func() web.Status {
		ok, detail := models.Reachable()
		return web.Status{Name: "database", OK: ok, Detail: detail}
	})
	health.Add(func() web.Status {
		ok, detail := models.Known()
		return web.Status{Name: "read models", OK: ok, Detail: detail}
	})
	lobby := wait.NewLobby(cfg.MaxWaiting, cfg.ParkAfter, registry)
	timestamps := wait.NewRoom(lobby, "timestamp", reader.ByIDs, read.ByID.Found, cfg.QueryTimeout)
	tickets := wait.NewRoom(lobby, "ticket", ticket.NewOffice(models).Look, ticket.Answer.Settled, cfg.QueryTimeout)
	rows := wait.NewRooms(func(model string) *wait.Room[read.Key, read.Keyed] {
		return wait.NewRoom(lobby, "row of "+model, reader.ByKeys(model), read.Keyed.Settled, cfg.QueryTimeout)
	})
	passages := wait.NewRooms(func(model string) *wait.Room[read.Until, read.Passage] {
		return wait.NewRoom(lobby, "position of "+model, reader.Passages(model), read.Passage.Settled, cfg.QueryTimeout)
	})
	wake := func(model string) {
		if model == "" || model == read.TimestampModel {
			timestamps.Wake()
			tickets.Wake()
		}
		rows.Wake(model)
		passages.Wake(model)
	}

	remote, err := rpc.New(reader, models, health.Ready, log, registry)
	if err != nil {
		return err
	}
	router := web.NewRouter(log, registry, health, openAPI)
	answers := api.API{Timestamps: timestamps, Tickets: tickets, Rows: rows, Passages: passages, Catalog: models, Reader: reader, Lobby: lobby}
	routes := &web.Live{}
	show := func(known *catalog.Snapshot) {
		next := router.Again()
		answers.Routes(next, known)
		routes.Replace(next)
	}
	show(models.Now())
	models.OnChange(show)
	lot := park.New(routes)

	log.Info("starting", cfg.Database.Address())
	parts := []service.Part{
		web.Server("admin", log, private, web.Admin(registry)),
		{Name: "read models", Run: models.Run},
		{Name: "timestamps", Run: timestamps.Run},
		{Name: "tickets", Run: tickets.Run},
		{Name: "rows", Run: rows.Run},
		{Name: "positions", Run: passages.Run},
		{Name: "notifications", Run: func(ctx context.Context) error {
			postgres.Listen(ctx, cfg.Database, "counterfoil-query-notifications", readmodel.AppliedChannel, log, func() { wake("") }, func(label string) {
				if models.Now().Answers(label) {
					model, _, _ := strings.Cut(label, "/")
					wake(model)
				}
			})
			return nil
		}},
		{Name: "changes of versions", Run: func(ctx context.Context) error {
			postgres.Listen(ctx, cfg.Database, "counterfoil-query-versions", readmodel.VersionsChannel, log, models.Doubt, func(string) { models.Doubt() })
			return nil
		}},
	}
	// It says nothing of where it listens: nobody can connect to it.
	parts = append(parts, web.Server("http", slog.New(slog.DiscardHandler), lot, lot))
	for _, listener := range public {
		parts = append(parts, web.Server("http", log, listener, lot))
	}
	parts = append(parts, service.Part{Name: "grpc", Run: func(ctx context.Context) error { return remote.Run(ctx, calls) }})
	return service.Run(ctx, log, append(parts,
		service.Part{Name: "parking", Run: lot.Run},
		service.Part{Name: "long polls", Run: lobby.Run},
		service.Part{Name: "drain", Run: health.Drain(log, cfg.DrainDelay)},
	)...)
}

// listen returns the listeners of the API and of the admin port, and opens those that the caller did not.
func listen(ctx context.Context, cfg Config) (public []net.Listener, private net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, listener := range public {
				err = errors.Join(err, listener.Close())
			}
		}
	}()
	listener, err := web.ListenOr(ctx, cfg.Listener, cfg.ServerPort)
	if err != nil {
		return nil, nil, err
	}
	public = append([]net.Listener{listener}, cfg.ExtraListeners...)
	if cfg.ExtraListeners == nil {
		for _, port := range cfg.ExtraPorts {
			listener, err := web.Listen(ctx, port)
			if err != nil {
				return public, nil, fmt.Errorf("SERVER_EXTRA_PORTS: %w", err)
			}
			public = append(public, listener)
		}
	}
	private, err = web.ListenOr(ctx, cfg.AdminListener, cfg.AdminPort)
	return public, private, err
}
