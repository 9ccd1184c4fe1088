package api

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

// timestampBody is the published form: four strings and nothing else.
type timestampBody struct {
	CommandID      string `json:"command_id"`
	ID             string `json:"id"`
	EventTimestamp string `json:"event_timestamp"`
	CreatedAt      string `json:"created_at"`
}

func newTimestampBody(t read.Timestamp) timestampBody {
	return timestampBody{
		CommandID: t.ID.String(), ID: t.ID.String(),
		EventTimestamp: command.FormatTimestamp(t.EventTimestamp), CreatedAt: command.FormatTimestamp(t.CreatedAt),
	}
}

// timestamp answers GET /api/v1/timestamp/{id}.
func (a API) timestamp(c echo.Context) error {
	id, err := parseID(web.Param(c, "id"))
	if err != nil {
		return err
	}
	web.Log(c, slog.String("command_id", id.String()))
	answer, err := ask(c, a.Lobby, a.Timestamps, id)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set(readModelHeader, answer.ReadModel)
	if !answer.Found() {
		return &web.Failure{TicketID: id.String(), RetryAfter: retryAfter, Err: fault.New(fault.CodeNotFound,
			"No timestamp has this id, or its command is not applied yet. Ask again, or add ?wait=10s; "+
				"/api/v1/tickets/"+id.String()+"?position= with the Ticket-Position header says which.", nil)}
	}
	body, err := json.Marshal(newTimestampBody(*answer.Row))
	if err != nil {
		return err
	}
	tag := entityTag(answer.ReadModel, body)
	header.Set("ETag", tag)
	// A row never changes, whatever version shows it: the first record of a command wins, and replaying gives the same (G7).
	header.Set("Cache-Control", immutable)
	if noneMatch(c.Request().Header.Values("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSONBlob(http.StatusOK, append(body, '\n'))
}

// immutable has an answer kept for a year, without asking again (RFC 8246).
const immutable = "private, max-age=31536000, immutable"

// retryAfter is how many seconds a client waits before it asks again for what is not there yet.
const retryAfter = 1

// parseID reads a command id in its canonical form of 36 characters, in either case.
func parseID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, fault.New(fault.CodeInvalidID,
			"The id of a timestamp is the UUID that its ticket gave, such as add1f52d-7c56-4c9f-b319-1a266c355f6b.", nil)
	}
	return id, nil
}
