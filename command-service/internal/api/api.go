// Package api is the HTTP interface of the command-service: its routes, one file for each command, and how a ticket is
// answered. openapi.yaml describes it for clients.
//
// It promises the published forms. What a command means and when it is kept is package accept's.
package api

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/command-service/internal/accept"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

// API answers requests with tickets.
type API struct {
	accepter *accept.Accepter
	queryURL string // where the query-service is, without a slash at its end
}

// New returns the API. Clients are sent to the query-service at queryURL, which may be empty or a path.
func New(accepter *accept.Accepter, queryURL string) *API {
	return &API{accepter: accepter, queryURL: strings.TrimSuffix(queryURL, "/")}
}

// Register adds every command's routes.
func (a *API) Register(r *web.Router) {
	a.registerTimestamp(r)
}

// discardBody reads the body, of which no command has a use, so that one which is too large or broken is answered as
// such and the connection can be used again.
func discardBody(c echo.Context) error {
	_, err := io.Copy(io.Discard, c.Request().Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); err == nil || tooLarge {
		return err
	}
	c.Response().Header().Set("Connection", "close") // what follows on it is anybody's guess
	return fault.New(fault.CodeBrokenRequest, "The body ended before it was complete. Send the request again, without a body: none is needed.", err)
}
