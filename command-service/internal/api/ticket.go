package api

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/command-service/internal/accept"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

// Headers that have no constant in echo.
const (
	idempotencyKey    = "Idempotency-Key"
	ticketPosition    = "Ticket-Position"
	preferenceApplied = "Preference-Applied"
	respondAsync      = "respond-async"
)

// answer writes the ticket, or returns what happened instead. Its command can be read at path on the query-service.
func (a *API) answer(c echo.Context, path string, ticket accept.Ticket, err error) error {
	unknown := fault.Is(err, fault.Unconfirmed)
	if err != nil && !unknown {
		return err
	}
	id := ticket.ID.String()
	header := c.Response().Header()
	header.Set(echo.HeaderLocation, a.queryURL+path+id)
	web.Log(c, slog.String("command_id", id))
	if unknown {
		return &web.Failure{Err: err, TicketID: id} // G2: the client can look for it
	}
	if ticket.Position.Known() {
		header.Set(ticketPosition, ticket.Position.String())
	}
	web.Log(c, slog.String("topic", ticket.Position.Topic), slog.Int("partition", int(ticket.Position.Partition)),
		slog.Int64("offset", ticket.Position.Offset))
	header.Set("Cache-Control", "no-store")
	status := http.StatusOK
	if value, stated := web.Preference(c.Request().Header, respondAsync); stated && value == "" {
		header.Set(preferenceApplied, respondAsync)
		status = http.StatusAccepted
	}
	return c.JSONBlob(status, []byte(`{"id":"`+id+"\"}\n"))
}
