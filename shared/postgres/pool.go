// Package postgres connects to the database, classifies its errors, and keeps its control tables and roles.
//
// It promises that one commented function, Classify, decides what every error of PostgreSQL means. It holds no queries
// of the product's own tables beyond their migrations.
package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Connect returns a pool that connects when it is first used, so that a service starts while the database is away.
// name is shown in pg_stat_activity. readOnly makes every transaction of the pool read-only (G9).
func Connect(ctx context.Context, cfg Config, name string, readOnly bool) (*pgxpool.Pool, error) {
	parsed, err := cfg.pool(name)
	if err != nil {
		return nil, err
	}
	if readOnly {
		parsed.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", err)
	}
	return pool, nil
}

// ConnectOne opens a single connection that belongs to nobody else: for LISTEN, and for locks held over statements.
func ConnectOne(ctx context.Context, cfg Config, name string) (*pgx.Conn, error) {
	parsed, err := cfg.ConnConfig(name)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, parsed)
}

// RegisterPool adds the pool's use to the metrics.
func RegisterPool(registry prometheus.Registerer, pool *pgxpool.Pool) {
	gauge := func(name, help string, value func(*pgxpool.Stat) float64) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "counterfoil_db_pool_" + name, Help: help,
		}, func() float64 { return value(pool.Stat()) }))
	}
	gauge("max_connections", "Most connections that the pool opens.", func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) })
	gauge("connections", "Connections open.", func(s *pgxpool.Stat) float64 { return float64(s.TotalConns()) })
	gauge("used_connections", "Connections in use.", func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) })
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "counterfoil_db_pool_waits_total", Help: "Times that somebody had to wait for a connection.",
	}, func() float64 { return float64(pool.Stat().EmptyAcquireCount()) }))
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "counterfoil_db_pool_wait_seconds_total", Help: "Seconds waited for connections.",
	}, func() float64 { return pool.Stat().EmptyAcquireWaitTime().Seconds() }))
}

// Pool is a pool of connections, so that wiring need not know pgx.
type Pool = pgxpool.Pool

// Conn is a connection that belongs to nobody else, for the same reason.
type Conn = pgx.Conn
