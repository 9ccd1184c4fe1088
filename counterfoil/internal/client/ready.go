package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/counterfoil/counterfoil/shared/web"
)

// Readiness is what a service says of itself.
type Readiness struct {
	Ready  bool
	Checks []web.Status
}

// Ready asks a service whether it can do its work, and why not. No answer is *Unreachable.
func (c *Client) Ready(ctx context.Context) (Readiness, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.at.Value+"/readyz?verbose", nil)
	if err != nil {
		return Readiness{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Readiness{}, &Unreachable{c.at, err}
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Status string
		Checks []web.Status
	}
	// Not ready is 503 with the same document.
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil || answer.Status == "" {
		return Readiness{}, fmt.Errorf("%s answered %s to /readyz; is it really the service?", c.at.Value, response.Status)
	}
	return Readiness{Ready: response.StatusCode == http.StatusOK, Checks: answer.Checks}, nil
}
