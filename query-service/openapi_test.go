package queryservice_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/google/uuid"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// document is the OpenAPI document, against which every answer of every test is held.
type document struct {
	*openapi3.T
	router routers.Router

	mu   sync.Mutex
	seen map[string]bool // the documented answers that were seen, as "GET /health 200"
}

func readDocument(t *testing.T) *document {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return newDocument(t, doc)
}

func newDocument(t *testing.T, doc *openapi3.T) *document {
	t.Helper()
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &document{T: doc, router: router, seen: map[string]bool{}}
}

// check holds an answer against the document: status, headers, none that is not documented, and body. What is not an
// operation of the document is not for the document to describe.
func (d *document) check(t *testing.T, method, path string, a answer) {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	route, params, err := d.router.FindRoute(request)
	if err != nil {
		return
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
		return
	}
	documented := map[string]bool{"Content-Type": true, "Content-Length": true, "Date": true, "Connection": true}
	for name := range route.Operation.Responses.Status(a.status).Value.Headers {
		documented[http.CanonicalHeaderKey(name)] = true
	}
	for name := range a.header {
		if !documented[name] {
			t.Errorf("%s %s: header %s of status %d is not documented", method, path, name, a.status)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[fmt.Sprintf("%s %s %d", method, route.Path, a.status)] = true
}

func TestOpenAPI_IsServedAsWritten(t *testing.T) {
	t.Parallel()
	s := launch(t, unreachable(t))
	file, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if a := s.get("/openapi.yaml"); a.status != http.StatusOK || a.header.Get("Content-Type") != "application/yaml" || a.body != string(file) {
		t.Errorf("got %d %s with %d bytes", a.status, a.header.Get("Content-Type"), len(a.body))
	}
}

// Every documented answer that a client can provoke is provoked here, and held against the document as every other one.
func TestOpenAPI_EveryAnswerIsAsDocumented(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	up := start(t, db)
	down := launch(t, unreachable(t))
	down.document = up.document
	full := start(t, db, func(cfg *queryservice.Config) { cfg.MaxWaiting = 1 })
	full.document = up.document
	other := newDatabase(t)
	for _, db := range []*database{db, other} {
		db.apply(row{id: known, at: noon}, row{id: uuid.New(), at: noon})
	}
	db.park(parkedID, "missing-field", "event_timestamp is missing", "timestamp.command.v1/0@1")
	db.checkpoint(group, topic+"/0@5")

	one, list, tickets := "/api/v1/timestamp/", "/api/v1/timestamp", "/api/v1/tickets/"
	tag := up.get(one + known).header.Get("ETag")
	absent := uuid.NewString()
	ask := func(path string, headers ...string) {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			up.do(method, path, headers...)
			down.do(method, path, headers...)
		}
	}
	for _, path := range []string{
		one + known, one + absent, one + absent + "?wait=1ms", one + "no-uuid", one + known + "?wait=soon",
		list, list + "?limit=1", list + "?limit=none", list + "?from=yesterday", list + "?page_token=none",
		tickets + known, tickets + absent, tickets + parkedID, tickets + "no-uuid",
		tickets + absent + "?position=timestamp.command.v1/0@0", tickets + absent + "?position=timestamp.command.v1/0@99",
		tickets + absent + "?position=elsewhere/0@0", tickets + absent + "?position=nowhere",
		"/health", "/livez", "/readyz", "/readyz?verbose", "/openapi.yaml",
	} {
		ask(path)
		ask(path, "correlationId: not good")
		ask(path, "Prefer: wait=0")
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			up.tooLarge(method, path)
		}
	}
	ask(one+known, "If-None-Match: "+tag)
	dropped := start(t, other)
	dropped.document = up.document
	token := list + "?limit=1&page_token=" + pageOf(dropped.get(list+"?limit=1"))
	other.serveVersion2()
	other.state(other.declaration, readmodel.Dropped)
	eventually(t, "a version is known to be dropped", func() bool { return dropped.get(token).status == http.StatusGone })
	if a := dropped.do(http.MethodHead, token); a.header.Get("Link") != `</v2/timestamps>; rel="successor-version"` {
		t.Errorf("a page of a version that was dropped: got %s", a)
	}
	waiting := full.parked(one + absent + "?wait=30s")
	full.requireWaiting(1)
	if a := full.get(tickets + absent + "?wait=1s"); a.code() != "too-many-waiting" {
		t.Errorf("got %s, want too-many-waiting", a)
	}
	if err := full.stop(); err != nil {
		t.Error(err)
	}
	receive(t, waiting)

	for path, item := range up.document.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				answer := fmt.Sprintf("%s %s %s", method, path, status)
				// A defect cannot be provoked.
				if status != "500" && !up.document.seen[answer] {
					t.Errorf("documented, but not seen: %s", answer)
				}
			}
		}
	}
}

// pageOf returns the token of the page behind a list.
func pageOf(a answer) string {
	_, rest, _ := strings.Cut(a.body, `"next_page_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// tooLarge announces a body that is too large, and sends none of it.
func (s *running) tooLarge(method, path string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, io.LimitReader(zeros{}, 65<<10))
	if err != nil {
		s.t.Fatal(err)
	}
	request.ContentLength = 65 << 10
	response, err := s.client.Do(request)
	if err != nil {
		return // the server closed the connection before the client had sent everything
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return
	}
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		s.t.Errorf("%s %s: got %d", method, path, response.StatusCode)
	}
	switch page, _, _ := strings.Cut(path, "?"); page {
	case "/health", "/livez", "/readyz", "/openapi.yaml":
		return
	}
	s.document.check(s.t, method, path, answer{status: response.StatusCode, header: response.Header, body: string(body)})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
