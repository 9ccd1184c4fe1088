package api

import (
	"log/slog"
	"net/http"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

// appendTimestamp appends the published form of a row: four strings and nothing else. None of them has a character that
// JSON escapes.
func appendTimestamp(dst []byte, t read.Timestamp) []byte {
	id := t.ID.String()
	dst = append(dst, `{"command_id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","event_timestamp":"`...)
	dst = command.AppendTimestamp(dst, t.EventTimestamp)
	dst = append(dst, `","created_at":"`...)
	dst = command.AppendTimestamp(dst, t.CreatedAt)
	return append(dst, `"}`...)
}

// timestampBytes is about how long such a row is.
const timestampBytes = 192

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
	body := appendTimestamp(make([]byte, 0, timestampBytes), *answer.Row)
	tag := entityTag(answer.ReadModel, body)
	header.Set("Etag", tag) // as net/http writes it, so that it need not be made so
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
