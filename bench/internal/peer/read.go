package peer

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4"
)

// oneQuery asks PostgreSQL once for each request.
type oneQuery struct {
	DB    string `required:""`
	Conns int32  `default:"16"`
}

// Run serves until ctx ends.
func (o oneQuery) Run(ctx context.Context) error { return serve(ctx, o.open) }

func (o oneQuery) open(ctx context.Context) (http.Handler, func() error, error) {
	cfg, err := pgxpool.ParseConfig(o.DB)
	if err != nil {
		return nil, nil, err
	}
	cfg.MaxConns = o.Conns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	e := newEcho()
	e.GET("/api/v1/timestamp/:id", func(c echo.Context) error {
		var r row
		err := pool.QueryRow(c.Request().Context(), `
			SELECT id::text, id::text, event_timestamp, created_at FROM timestamp_v1.timestamp_records WHERE id = $1`, c.Param("id")).
			Scan(&r.CommandID, &r.ID, &r.EventTimestamp, &r.CreatedAt)
		if errors.Is(err, pgx.ErrNoRows) {
			return echo.ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, r)
	})
	return e, func() error { pool.Close(); return nil }, nil
}
