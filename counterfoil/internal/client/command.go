package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/counterfoil/counterfoil/shared/command"
)

// Command is a timestamp command to send.
type Command struct {
	Timestamp      string // "" asks for the present instant
	IdempotencyKey string // "" for a command that nobody will repeat
	CorrelationID  string // "" lets the service make one
}

// Accepted is what the command-service answered.
type Accepted struct {
	ID            string
	Position      string // "" where the broker did not say it
	CorrelationID string
}

// Send sends the command. It returns what is known also with an error: a *Problem may name the ticket of a command whose
// outcome is unknown (G2).
func (c *Client) Send(ctx context.Context, cmd Command) (Accepted, error) {
	path := "/api/v1/timestamp"
	if cmd.Timestamp != "" {
		path += "/" + url.PathEscape(cmd.Timestamp)
	}
	header := http.Header{}
	if cmd.IdempotencyKey != "" {
		header.Set("Idempotency-Key", cmd.IdempotencyKey)
	}
	if cmd.CorrelationID != "" {
		header[command.CorrelationHeader] = []string{cmd.CorrelationID}
	}
	var answer struct{ ID string }
	got, err := c.do(ctx, http.MethodPost, path, header, &answer)
	return Accepted{
		ID: answer.ID, Position: got.Get("Ticket-Position"), CorrelationID: got.Get(command.CorrelationHeader),
	}, err
}
