package contract

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const document = `openapi: 3.1.0
info: {title: things, version: "1"}
paths:
  /things/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: a thing
          headers: {Version: {required: true, schema: {type: string}}}
          content:
            application/json:
              schema: {type: object, required: [id], additionalProperties: false, properties: {id: {type: string}}}
`

// answered is what a service answers, and whether its document allows it.
type answered struct {
	method, path string
	status       int
	header       []string // names and values in turn
	body         string
	wrong        string // a part of what is said of it; "" where it is allowed
}

// A checker that lets everything pass would let every test of this module pass.
func TestTransport_LetsPassWhatTheDocumentAllowsAndNothingElse(t *testing.T) {
	t.Parallel()
	const kind, problem = "Content-Type", "application/problem+json"
	whole := []string{kind, "application/json", "Version", "1"}
	refused := []string{kind, problem, "correlationId", "c"}
	for name, a := range map[string]answered{
		"as described":          {"GET", "/things/1", 200, whole, `{"id":"1"}`, ""},
		"HEAD of it":            {"HEAD", "/things/1", 200, whole, "", ""},
		"unknown address":       {"GET", "/nowhere", 404, refused, `{}`, ""},
		"broken request":        {"GET", "/nowhere", 400, refused, `{}`, ""},
		"unknown method":        {"PUT", "/things/1", 405, append([]string{"Allow", "GET"}, refused...), `{}`, ""},
		"OPTIONS":               {"OPTIONS", "/things/1", 204, nil, "", ""},
		"undescribed status":    {"GET", "/things/1", 202, whole, `{"id":"1"}`, "status is not supported"},
		"a member is missing":   {"GET", "/things/1", 200, whole, `{}`, "missing property 'id'"},
		"a member too many":     {"GET", "/things/1", 200, whole, `{"id":"1","x":1}`, "additional"},
		"a member's type":       {"GET", "/things/1", 200, whole, `{"id":1}`, "got number, want string"},
		"no JSON":               {"GET", "/things/1", 200, whole, `{"id":`, "failed to decode"},
		"no body":               {"GET", "/things/1", 200, whole, "", "failed to decode"},
		"a header is missing":   {"GET", "/things/1", 200, []string{kind, "application/json"}, `{"id":"1"}`, "Version"},
		"another content":       {"GET", "/things/1", 200, []string{kind, "text/html", "Version", "1"}, `{"id":"1"}`, "Content-Type"},
		"unknown, and answered": {"GET", "/nowhere", 200, refused, `{}`, "should have been 404"},
		"unknown, in plain":     {"GET", "/nowhere", 404, []string{kind, "text/plain", "correlationId", "c"}, `no`, "not a problem document"},
		"unknown, without id":   {"GET", "/nowhere", 404, []string{kind, problem}, `{}`, "no correlationId"},
		"unknown, empty":        {"GET", "/nowhere", 404, refused, "", "is empty"},
		"method, without Allow": {"PUT", "/things/1", 405, refused, `{}`, "no Allow"},
		"method, as not found":  {"PUT", "/things/1", 404, refused, `{}`, "should have been 405"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ask(t, document, a)
			violation, is := errors.AsType[*Violation](err)
			switch {
			case a.wrong == "" && err != nil:
				t.Errorf("it is refused: %v", err)
			case a.wrong != "" && (!is || !violation.Permanent() || !strings.Contains(err.Error(), a.wrong)):
				t.Errorf("got %v, want one that says %q", err, a.wrong)
			}
		})
	}
}

func TestTransport_TrustsNoDocumentThatIsNone(t *testing.T) {
	t.Parallel()
	for broken, want := range map[string]string{
		"not: [YAML": "cannot be loaded",
		strings.Replace(document, "3.1.0", "3.0.3", 1):                        "not 3.1",
		strings.Replace(document, "{title: things, version: \"1\"}", "{}", 1): "not valid",
	} {
		err := ask(t, broken, answered{method: "GET", path: "/nowhere", status: 404})
		if _, is := errors.AsType[*Violation](err); !is || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want one that says %q", err, want)
		}
	}
}

// ask asks a service that describes itself so, and answers so.
func ask(t *testing.T, document string, a answered) error {
	t.Helper()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi.yaml" {
			_, _ = io.WriteString(w, document)
			return
		}
		for i := 0; i < len(a.header); i += 2 {
			w.Header().Set(a.header[i], a.header[i+1])
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	defer service.Close()
	client := http.Client{Transport: New(service.URL, http.DefaultTransport)}
	request, err := http.NewRequestWithContext(t.Context(), a.method, service.URL+a.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != a.body && a.method != http.MethodHead {
		return fmt.Errorf("the body came as %q, %w", body, err)
	}
	return nil
}
