package peer

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

// tag is the entity tag of every row that the ceilings answer with.
const tag = `"0123456789abcdef0123456789abcdef"`

// ceiling is HTTP and nothing else.
type ceiling struct{}

// Run serves until ctx ends.
func (c ceiling) Run(ctx context.Context) error { return serve(ctx, c.open) }

func (ceiling) open(context.Context) (http.Handler, func() error, error) {
	e := newEcho()
	answer(e)
	return e, nothing, nil
}

// router is what the services do for each request whatever it asks: correlation id, log, metrics.
type router struct{}

// Run serves until ctx ends.
func (r router) Run(ctx context.Context) error { return serve(ctx, r.open) }

func (router) open(context.Context) (http.Handler, func() error, error) {
	log := telemetry.NewLogger(telemetry.Stdout, slog.LevelInfo, "router")
	r := web.NewRouter(log, prometheus.NewRegistry(), &web.Health{}, nil)
	answer(r.Echo)
	return r, nothing, nil
}

// answer adds routes with answers of the usual size that need neither broker nor database.
func answer(e *echo.Echo) {
	e.POST("/api/v1/timestamp", func(c echo.Context) error {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		return ticket(c, id.String())
	})
	e.GET("/api/v1/timestamp/:id", func(c echo.Context) error {
		c.Response().Header().Set("ETag", tag)
		if c.Request().Header.Get("If-None-Match") == tag {
			return c.NoContent(http.StatusNotModified)
		}
		now := time.Now().UTC()
		return c.JSON(http.StatusOK, row{c.Param("id"), c.Param("id"), now, now})
	})
}

// row is the answer to a GET.
type row struct {
	CommandID      string    `json:"command_id"`
	ID             string    `json:"id"`
	EventTimestamp time.Time `json:"event_timestamp"`
	CreatedAt      time.Time `json:"created_at"`
}
