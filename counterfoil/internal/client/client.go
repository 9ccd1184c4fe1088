// Package client speaks to the services over HTTP, as any client of theirs does.
//
// It never repeats a request by itself: what a person does about an unknown outcome (G2) is theirs to decide.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/web"
)

const (
	// patience is how long an answer may take, beside what was asked to wait.
	patience = 15 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
)

// Client is one of the services as seen from outside.
type Client struct {
	at   target.Target
	http *http.Client
}

// New returns a client of the service at the target.
func New(at target.Target) *Client {
	return &Client{at: at, http: &http.Client{Timeout: web.MaxWait + patience}}
}

// Problem is an answer that says why there is no other.
type Problem struct {
	web.Problem
	RetryAfter string
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%s: %s (%d %s, correlation id %s)", p.Title, p.Detail, p.Status, p.Code, p.CorrelationID)
}

// Unreachable means that there was no answer, so that nobody knows what became of the request.
type Unreachable struct {
	at    target.Target
	cause error
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("no answer from %s: %v; %s", u.at.Value, u.cause, u.at.Hint())
}

func (u *Unreachable) Unwrap() error { return u.cause }

// do sends a request and decodes the JSON of its answer into v. An answer that is not 2xx is a *Problem, no answer at all
// is *Unreachable.
func (c *Client) do(ctx context.Context, method, path string, header http.Header, v any) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.at.Value+path, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &Unreachable{c.at, err}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return response.Header, &Unreachable{c.at, err}
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return response.Header, c.problem(response, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return response.Header, fmt.Errorf("%s answered what is not JSON (%w): %.200q; is it really the service?", c.at.Value, err, body)
	}
	return response.Header, nil
}

func (c *Client) problem(response *http.Response, body []byte) error {
	p := &Problem{RetryAfter: response.Header.Get("Retry-After")}
	if err := json.Unmarshal(body, &p.Problem); err != nil || p.Code == "" {
		return fmt.Errorf("%s answered %s: %.200q; is it really the service?", c.at.Value, response.Status, bytes.TrimSpace(body))
	}
	return p
}

// MayHaveArrived reports whether the service may have received the request: the connection was there.
func (u *Unreachable) MayHaveArrived() bool {
	dial, ok := errors.AsType[*net.OpError](u.cause)
	return !ok || dial.Op != "dial"
}
