// Package api is the query-service's routes.
//
// It promises the forms that openapi.yaml describes: what is found is immutable and says which version answered, what is
// not there yet is never cached, and every wait is bounded. It knows HTTP and nothing of SQL.
package api

import (
	"cmp"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/query-service/internal/ticket"
	"github.com/counterfoil/counterfoil/query-service/internal/wait"
	"github.com/counterfoil/counterfoil/shared/web"
)

// API answers questions about timestamps, tickets, and the rows of every read model.
type API struct {
	Timestamps *wait.Room[uuid.UUID, read.ByID]
	Tickets    *wait.Room[ticket.Question, ticket.Answer]
	Rows       *wait.Rooms[read.Key, read.Keyed]     // by the model's name
	Passages   *wait.Rooms[read.Until, read.Passage] // by the model's name
	Catalog    *catalog.Catalog
	Reader     *read.Reader
	Lobby      *wait.Lobby
}

// Routes adds all routes: those that are published, and those of the read models that are known. Every one may be repeated
// at will: reading changes nothing (G9).
func (a API) Routes(r *web.Router, known *catalog.Snapshot) {
	get := func(path string, handler echo.HandlerFunc) {
		r.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
	}
	// Clients with a ticket, and those of the published v1 format.
	get("/api/v1/timestamp/:id", a.timestamp)
	// People and reports that go through a stretch of time.
	get("/api/v1/timestamp", a.timestamps)
	// Clients with a ticket whose timestamp does not appear.
	get("/api/v1/tickets/:id", a.ticket)

	if unknown := known.Unknown(); unknown != nil {
		// Whoever asks for a model before the database was reached: 404 would say that there is none. What is known by now
		// counts, unless that is a model: a request that began before it was does not end as an empty 200.
		r.Any("/*", func(echo.Context) error { return cmp.Or(a.Catalog.Now().Unknown(), unknown) })
	}
	taken := map[string]bool{} // two models that were declared one after the other can have the same path
	for _, m := range known.Models {
		if path := m.Describing().Declaration.Path; !taken[path] {
			taken[path] = true
			a.model(r, path, catalog.Target{Model: m.Name})
		}
		for _, v := range m.Versions {
			if path := fmt.Sprintf("/v%d%s", v.Number, v.Declaration.Path); !taken[path] {
				taken[path] = true
				a.model(r, path, catalog.Target{Model: m.Name, Number: v.Number})
			}
		}
	}
}

// readModelHeader names the version of the read model that answered.
const readModelHeader = "Read-Model"
