package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Problem is the document that every error is answered with (RFC 9457, media type application/problem+json).
type Problem struct {
	Type          string `json:"type"` // urn:counterfoil:problem:<code>
	Title         string `json:"title"`
	Status        int    `json:"status"`
	Detail        string `json:"detail"`
	Code          string `json:"code"`
	CorrelationID string `json:"correlation_id,omitempty"`
	ID            string `json:"id,omitempty"`        // the ticket id, where there is one
	Successor     string `json:"successor,omitempty"` // the address of what took the place of what is gone
}

// Failure is an error for a client that carries more than the fault itself.
type Failure struct {
	Err        error
	TicketID   string // told to the client when it is not empty (G2)
	RetryAfter int    // seconds; 0 leaves the header to the fault's kind
	Successor  string // address of what took the place of what is gone (RFC 5829, successor-version); "" where there is none
}

func (f *Failure) Error() string { return f.Err.Error() }
func (f *Failure) Unwrap() error { return f.Err }

// retryAfter is what a client is told to wait, in seconds, when it is not told otherwise.
const retryAfter = 1

// handleError answers every error of every route, also those that echo makes itself, as a problem document.
func (r *Router) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	f := fault.Of(fromEcho(err))
	status := f.Kind().HTTPStatus()
	problem := Problem{
		Type:          "urn:counterfoil:problem:" + string(f.Code),
		Title:         f.Code.Title(),
		Status:        status,
		Detail:        f.Message,
		Code:          string(f.Code),
		CorrelationID: telemetry.Correlation(c.Request().Context()),
	}
	header := c.Response().Header()
	wait := 0
	if status == http.StatusServiceUnavailable {
		wait = retryAfter
	}
	if failure, ok := errors.AsType[*Failure](err); ok {
		problem.ID = failure.TicketID
		wait = max(wait, failure.RetryAfter)
		if problem.Successor = failure.Successor; problem.Successor != "" {
			header.Set("Link", "<"+problem.Successor+`>; rel="successor-version"`)
		}
	}
	if wait > 0 {
		header.Set("Retry-After", strconv.Itoa(wait))
	}
	header.Set("Cache-Control", "no-store")
	header.Set(echo.HeaderContentType, "application/problem+json")
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return
	}
	body, err := json.Marshal(problem)
	if err == nil {
		_, err = c.Response().Write(append(body, '\n'))
	}
	if err != nil {
		r.log.DebugContext(c.Request().Context(), "the client did not take its answer", "error", err)
	}
}

// fromEcho turns echo's own errors into faults.
func fromEcho(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.New(fault.CodeBodyTooLarge, "The body may have at most "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.", err)
	}
	own, ok := errors.AsType[*echo.HTTPError](err)
	if !ok {
		return err
	}
	switch own.Code {
	case http.StatusNotFound:
		return fault.New(fault.CodeNoRoute, "See /openapi.yaml for what is here.", err)
	case http.StatusMethodNotAllowed:
		return fault.New(fault.CodeMethodNotAllowed, "The Allow header names the methods that are.", err)
	default:
		return err
	}
}
