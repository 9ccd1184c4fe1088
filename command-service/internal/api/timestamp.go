package api

import (
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/shared/web"
)

func (a *API) registerTimestamp(r *web.Router) {
	r.POST("/api/v1/timestamp/:timestamp", a.timestamp)
	r.POST("/api/v1/timestamp/", a.timestamp) // a client whose variable was empty did not mean now
	r.POST("/api/v1/timestamp", a.now)
	r.POST("/app", a.now)
}

func (a *API) timestamp(c echo.Context) error {
	if err := discardBody(c); err != nil {
		return err
	}
	request := c.Request()
	ticket, err := a.accepter.Timestamp(request.Context(), web.Param(c, "timestamp"), request.Header.Values(idempotencyKey))
	return a.answer(c, "/api/v1/timestamp/", ticket, err)
}

func (a *API) now(c echo.Context) error {
	if err := discardBody(c); err != nil {
		return err
	}
	request := c.Request()
	ticket, err := a.accepter.Now(request.Context(), request.Header.Values(idempotencyKey))
	return a.answer(c, "/api/v1/timestamp/", ticket, err)
}
