package apply

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// censusEvery is how often the records that are set aside are counted.
const censusEvery = 10 * time.Second

// Census counts the records that are set aside now, for the metrics. Every process counts all of them.
type Census struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	parked *prometheus.GaugeVec
	oldest *prometheus.GaugeVec
}

// NewCensus registers the metrics; Run keeps them current.
func NewCensus(pool *pgxpool.Pool, log *slog.Logger, registry prometheus.Registerer) *Census {
	c := &Census{
		pool: pool, log: log,
		parked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "counterfoil_parked_records", Help: "Records that are set aside now, by state and code; waiting ones are behind a parked one of their key.",
		}, []string{"read_model", "version", "state", "code"}),
		oldest: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "counterfoil_parked_oldest_seconds", Help: "How long the oldest record that needs a decision has been parked.",
		}, []string{"read_model", "version"}),
	}
	registry.MustRegister(c.parked, c.oldest)
	return c
}

// Run counts until ctx ends. It is a part of a service. While the database is away the last count stands.
func (c *Census) Run(ctx context.Context) error {
	ticker := time.NewTicker(censusEvery)
	defer ticker.Stop()
	for {
		if err := c.count(ctx); err != nil && ctx.Err() == nil {
			c.log.DebugContext(ctx, "cannot count the parked records", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

type counted struct {
	ReadModel   string
	Version     int
	State, Code string
	Records     int64
	Oldest      float64 // seconds
}

func (c *Census) count(ctx context.Context) error {
	groups, err := collect(ctx, c.pool, pgx.RowToStructByPos[counted], `
		SELECT read_model, version, state, code, count(*), extract(epoch FROM now() - min(parked_at))::float8
		FROM counterfoil.parked GROUP BY read_model, version, state, code`)
	if err != nil {
		return err
	}
	c.parked.Reset()
	c.oldest.Reset()
	oldest := map[prometheus.Gauge]float64{}
	for _, g := range groups {
		version := strconv.Itoa(g.Version)
		c.parked.WithLabelValues(g.ReadModel, version, g.State, g.Code).Set(float64(g.Records))
		if gauge := c.oldest.WithLabelValues(g.ReadModel, version); g.State == stateParked {
			oldest[gauge] = max(oldest[gauge], g.Oldest)
			gauge.Set(oldest[gauge])
		}
	}
	return nil
}
