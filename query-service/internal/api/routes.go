// Package api is the query-service's routes.
//
// It promises the forms that openapi.yaml describes: what is found is immutable and says which version answered, what is
// not there yet is never cached, and every wait is bounded. It knows HTTP and nothing of SQL.
package api

import (
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/query-service/internal/ticket"
	"github.com/counterfoil/counterfoil/query-service/internal/wait"
	"github.com/counterfoil/counterfoil/shared/web"
)

// API answers questions about timestamps and tickets.
type API struct {
	Timestamps *wait.Room[uuid.UUID, read.ByID]
	Tickets    *wait.Room[ticket.Question, ticket.Answer]
	Reader     *read.Reader
	Lobby      *wait.Lobby
}

// Routes adds all routes. Every one may be repeated at will: reading changes nothing (G9).
func (a API) Routes(r *web.Router) {
	get := func(path string, handler echo.HandlerFunc) {
		r.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
	}
	// Clients with a ticket, and those of the published v1 format.
	get("/api/v1/timestamp/:id", a.timestamp)
	// People and reports that go through a stretch of time.
	get("/api/v1/timestamp", a.timestamps)
	// Clients with a ticket whose timestamp does not appear.
	get("/api/v1/tickets/:id", a.ticket)
}

// readModelHeader names the version of the read model that answered.
const readModelHeader = "Read-Model"
