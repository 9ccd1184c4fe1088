// Package contract checks every answer of a service against the OpenAPI document that the service itself gives out.
//
// It is an HTTP transport: an answer that the document does not allow is an error of the request. Addresses that are not
// in the document are free, but what is answered there must be a problem document.
package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Transport sends requests to one service. It reads the document at the first request that the service answers.
type Transport struct {
	base string // the service's URL
	next http.RoundTripper

	mu     sync.Mutex
	router routers.Router
	wrong  error // the document cannot be used
}

// A Violation is an answer that is not what the service's document says. Asking again is no use.
type Violation struct{ problem error }

func (v *Violation) Error() string { return v.problem.Error() }
func (v *Violation) Unwrap() error { return v.problem }

// Permanent tells package await to give up.
func (v *Violation) Permanent() bool { return true }

// New returns a transport for the service at the URL.
func New(base string, next http.RoundTripper) *Transport {
	return &Transport{base: base, next: next}
}

// RoundTrip implements http.RoundTripper.
func (c *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the answer's body: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	router, err := c.document(request.Context())
	if err != nil {
		return nil, err
	}
	if err := check(router, request, response, body); err != nil {
		return nil, &Violation{fmt.Errorf("%s %s answered %d, which %s/openapi.yaml does not allow: %w\n%s",
			request.Method, request.URL.RequestURI(), response.StatusCode, c.base, err, body)}
	}
	return response, nil
}

// document returns the router of the service's document, reading it the first time.
func (c *Transport) document(ctx context.Context) (routers.Router, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.router != nil || c.wrong != nil {
		return c.router, c.wrong
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/openapi.yaml", nil)
	if err != nil {
		return nil, err
	}
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the document: status %d", response.StatusCode)
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("read the document: %w", err)
	}
	if c.router, err = load(content); err != nil {
		c.wrong = &Violation{fmt.Errorf("%s/openapi.yaml: %w", c.base, err)}
	}
	return c.router, c.wrong
}

func load(content []byte) (routers.Router, error) {
	document, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return nil, fmt.Errorf("it cannot be loaded: %w", err)
	}
	if err := document.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("it is not valid: %w", err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1.") {
		return nil, fmt.Errorf("it is of OpenAPI %s, not 3.1", document.OpenAPI)
	}
	// Whatever address the service is reached at, its paths are what the document speaks of.
	document.Servers = openapi3.Servers{{URL: "/"}}
	return gorillamux.NewRouter(document)
}

// check returns what is wrong with an answer.
func check(router routers.Router, request *http.Request, response *http.Response, body []byte) error {
	described := request.Clone(request.Context())
	route, parameters, err := router.FindRoute(described)
	if request.Method == http.MethodHead {
		described.Method = http.MethodGet // the same answer without its body, where it is not described by itself
		if errors.Is(err, routers.ErrMethodNotAllowed) {
			route, parameters, err = router.FindRoute(described)
		}
	}
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		return checkUnknown(request, response, body, err)
	}
	if err != nil {
		return err
	}
	if request.Method == http.MethodHead && len(body) > 0 {
		return errors.New("an answer to HEAD has no body")
	}
	return openapi3filter.ValidateResponse(request.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: described, PathParams: parameters, Route: route},
		Status:                 response.StatusCode,
		Header:                 response.Header,
		Body:                   io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true, // a status that is not in the document is wrong
			ExcludeResponseBody:   request.Method == http.MethodHead,
		},
	})
}

// checkUnknown returns what is wrong with the answer at an address, or to a method, that the document does not have.
func checkUnknown(request *http.Request, response *http.Response, body []byte, why error) error {
	if request.Method == http.MethodOptions && response.StatusCode == http.StatusNoContent {
		return nil
	}
	want := http.StatusNotFound
	if errors.Is(why, routers.ErrMethodNotAllowed) {
		want = http.StatusMethodNotAllowed
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode != want && response.StatusCode != http.StatusBadRequest:
		return fmt.Errorf("%w: it should have been %d", why, want)
	case err != nil || kind != "application/problem+json":
		return fmt.Errorf("%w: the content is %q, not a problem document", why, response.Header.Get("Content-Type"))
	case response.Header.Get("correlationId") == "":
		return fmt.Errorf("%w: there is no correlationId", why)
	case want == http.StatusMethodNotAllowed && response.StatusCode == want && response.Header.Get("Allow") == "":
		return fmt.Errorf("%w: there is no Allow", why)
	case request.Method != http.MethodHead && len(body) == 0:
		return fmt.Errorf("%w: the problem document is empty", why)
	}
	return nil
}
