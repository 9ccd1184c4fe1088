package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

// Row is a row of the timestamp read model.
type Row struct {
	CommandID      string `json:"command_id"`
	ID             string `json:"id"`
	EventTimestamp string `json:"event_timestamp"`
	CreatedAt      string `json:"created_at"`
}

// State is what became of a command.
type State struct {
	Outcome string
	Code    string // why it was parked or rejected
	Reason  string // the same for a person
}

// Pending is the outcome of a command of which nothing else is known so far.
const Pending = "pending"

// Row returns the row of a command and the version of the read model that answered. A *Problem of status 404 means that
// it is not there, or not yet.
func (c *Client) Row(ctx context.Context, id string) (Row, string, error) {
	var row Row
	header, err := c.do(ctx, http.MethodGet, "/api/v1/timestamp/"+url.PathEscape(id), nil, &row)
	return row, header.Get("Read-Model"), err
}

// Outcome returns what became of a command. position may be empty; with it the answer is exact, and a *Problem of status
// 404 means that there never was such a command. While it is pending, Outcome waits that long for it to change.
func (c *Client) Outcome(ctx context.Context, id, position string, wait time.Duration) (State, error) {
	until := time.Now().Add(wait)
	for {
		state, err := c.outcomeOnce(ctx, id, position, min(max(0, time.Until(until)), web.MaxWait))
		if err != nil || state.Outcome != Pending || !time.Now().Before(until) {
			return state, err
		}
	}
}

func (c *Client) outcomeOnce(ctx context.Context, id, position string, wait time.Duration) (State, error) {
	query := url.Values{}
	if position != "" {
		query.Set("position", position)
	}
	if wait > 0 {
		query.Set("wait", wait.Round(time.Millisecond).String())
	}
	path := "/api/v1/tickets/" + url.PathEscape(id)
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var state State
	_, err := c.do(ctx, http.MethodGet, path, nil, &state)
	return state, err
}
