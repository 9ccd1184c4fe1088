package commandservice_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

// document is the OpenAPI document with what a test needs to hold answers against it.
type document struct {
	*openapi3.T
	router routers.Router
	seen   map[string]bool // the documented answers that were seen, as "POST /app 200"
}

func readDocument(t *testing.T) *document {
	t.Helper()
	data, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &document{doc, router, map[string]bool{}}
}

// answers returns every documented answer.
func (d *document) answers() []string {
	var all []string
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				all = append(all, fmt.Sprintf("%s %s %s", method, path, status))
			}
		}
	}
	slices.Sort(all)
	return all
}

// require holds an answer against the document: status, headers, none that is not documented, and body.
func (d *document) require(t *testing.T, method, path string, a answer) {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	route, params, err := d.router.FindRoute(request)
	if err != nil {
		t.Fatalf("%s %s is not documented: %v", method, path, err)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route},
		Status:                 a.status,
		Header:                 a.header,
		Body:                   io.NopCloser(strings.NewReader(a.body)),
		Options:                &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("%s %s: %v\nanswer: %s", method, path, err, a)
	}
	documented := map[string]bool{"Content-Type": true, "Content-Length": true, "Date": true, "Connection": true}
	response := route.Operation.Responses.Status(a.status)
	if response == nil {
		t.Fatalf("%s %s: status %d is not documented", method, path, a.status)
	}
	for name := range response.Value.Headers {
		documented[http.CanonicalHeaderKey(name)] = true
	}
	for name := range a.header {
		if !documented[name] {
			t.Errorf("%s %s: header %s of status %d is not documented", method, path, name, a.status)
		}
	}
	d.seen[fmt.Sprintf("%s %s %d", method, route.Path, a.status)] = true
}

func TestOpenAPI_IsServedAsWritten(t *testing.T) {
	t.Parallel()
	s := start(t)
	file, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	a := s.do(http.MethodGet, "/openapi.yaml")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/yaml" || a.body != string(file) {
		t.Errorf("got %d %s with %d bytes", a.status, a.header.Get("Content-Type"), len(a.body))
	}
	if a := s.do(http.MethodHead, "/openapi.yaml"); a.status != http.StatusOK || a.body != "" {
		t.Errorf("HEAD: %s", a)
	}
}

// Every documented answer that a client can provoke is provoked here and held against the document.
func TestOpenAPI_EveryAnswerIsAsDocumented(t *testing.T) {
	t.Parallel()
	doc := readDocument(t)
	up := start(t)
	down := launch(t, func() commandservice.Config {
		cfg := defaults(t, kafkatest.Broker(t), "unused")
		cfg.Kafka = kafka.Config{Brokers: []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}}
		return cfg
	}())
	timestamp := "/api/v1/timestamp/2009-09-28T19:03:12Z"
	for _, path := range []string{timestamp, "/api/v1/timestamp", "/app"} {
		for _, headers := range [][]string{
			nil,
			{"Prefer: respond-async"},
			{"Idempotency-Key: documented"},
			{"Idempotency-Key: not good"},
			{"correlationId: not good"},
		} {
			doc.require(t, http.MethodPost, path, up.post(path, headers...))
		}
		doc.require(t, http.MethodPost, path, up.send(up.request(http.MethodPost, path, bytes.NewReader(make([]byte, 65<<10)))))
		doc.require(t, http.MethodPost, path, down.post(path))
	}
	for _, path := range []string{"/api/v1/timestamp/nonsense", "/api/v1/timestamp/2009-09-28T19:03:12.1234567Z"} {
		doc.require(t, http.MethodPost, path, up.post(path))
	}
	for _, path := range []string{"/health", "/livez", "/readyz", "/readyz?verbose", "/openapi.yaml"} {
		for _, headers := range [][]string{nil, {"correlationId: not good"}} {
			doc.require(t, http.MethodGet, path, up.do(http.MethodGet, path, headers...))
			doc.require(t, http.MethodGet, path, down.do(http.MethodGet, path, headers...))
		}
	}
	for _, want := range doc.answers() {
		if strings.HasSuffix(want, " 500") {
			continue // a defect cannot be provoked
		}
		if !doc.seen[want] {
			t.Errorf("documented, but not seen: %s", want)
		}
	}
	if t.Failed() {
		t.Logf("seen: %q", slices.Sorted(maps.Keys(doc.seen)))
	}
}
