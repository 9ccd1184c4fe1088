package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/telemetry"
	"github.com/counterfoil/counterfoil/shared/web"
)

func TestProblem_EveryErrorIsOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/fault", func(echo.Context) error {
		return fmt.Errorf("read row: %w", fault.New(fault.CodeDatabaseAway, "Try again.", errors.New("password=hunter2")))
	})
	s.GET("/plain", func(echo.Context) error { return errors.New("password=hunter2") })
	s.GET("/panic", func(echo.Context) error { panic("password=hunter2") })
	s.GET("/nil", func(echo.Context) error { var m map[string]int; m["a"] = 1; return nil })
	s.GET("/echo", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "password=hunter2") })
	s.POST("/body", func(c echo.Context) error {
		_, err := io.Copy(io.Discard, c.Request().Body)
		return err
	})
	large := func() io.Reader { return strings.NewReader(strings.Repeat("x", web.MaxBody+1)) }
	for name, test := range map[string]struct {
		got    *httptest.ResponseRecorder
		status int
		code   string
	}{
		"unknown route":         {s.ask("GET", "/nowhere", nil), 404, "no-route"},
		"wrong method":          {s.ask("DELETE", "/fault", nil), 405, "method-not-allowed"},
		"fault":                 {s.ask("GET", "/fault", nil), 503, "database-away"},
		"unclassified":          {s.ask("GET", "/plain", nil), 500, "internal"},
		"panic":                 {s.ask("GET", "/panic", nil), 500, "internal"},
		"panic of the runtime":  {s.ask("GET", "/nil", nil), 500, "internal"},
		"echo's own":            {s.ask("GET", "/echo", nil), 500, "internal"},
		"announced large body":  {s.ask("POST", "/body", large()), 413, "body-too-large"},
		"chunked large body":    {s.ask("POST", "/body", struct{ io.Reader }{large()}), 413, "body-too-large"},
		"invalid correlationId": {s.ask("GET", "/fault", nil, "correlationId: x"), 400, "invalid-correlation-id"},
	} {
		t.Run(name, func(t *testing.T) {
			requireProblem(t, test.got, test.status, test.code)
			if strings.Contains(test.got.Body.String(), "hunter2") {
				t.Errorf("it tells the client everything: %s", test.got.Body)
			}
			if retry := test.got.Header().Get("Retry-After"); (retry != "") != (test.status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After %q", retry)
			}
		})
	}
	if got := s.ask("DELETE", "/fault", nil).Header().Get("Allow"); got != "OPTIONS, GET" {
		t.Errorf("Allow %q", got)
	}
	if got := s.ask("POST", "/body", strings.NewReader(strings.Repeat("x", web.MaxBody))); got.Code != http.StatusOK {
		t.Errorf("a body of the largest size: %d %s", got.Code, got.Body)
	}
	logged := fmt.Sprint(s.logs.lines(t, "request"))
	if !strings.Contains(logged, "hunter2") || !strings.Contains(logged, "router_test.go") {
		t.Error("the log holds neither the cause nor the stack")
	}
}

func TestProblem_AFailureCarriesTicketAndWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/unknown", func(echo.Context) error {
		return &web.Failure{Err: fault.New(fault.CodeOutcomeUnknown, "Look for it.", nil), TicketID: "the-ticket", RetryAfter: 7}
	})
	s.GET("/missing", func(echo.Context) error {
		return fmt.Errorf("wrapped: %w", &web.Failure{Err: fault.New(fault.CodeNotFound, "Not yet.", nil), RetryAfter: 2})
	})
	got := s.ask("GET", "/unknown", nil)
	if p := requireProblem(t, got, 503, "outcome-unknown"); p.ID != "the-ticket" || got.Header().Get("Retry-After") != "7" {
		t.Errorf("id %q, Retry-After %q", p.ID, got.Header().Get("Retry-After"))
	}
	got = s.ask("GET", "/missing", nil)
	if p := requireProblem(t, got, 404, "not-found"); p.ID != "" || got.Header().Get("Retry-After") != "2" {
		t.Errorf("id %q, Retry-After %q", p.ID, got.Header().Get("Retry-After"))
	}
}

func TestProblem_HasNoBodyForHEAD(t *testing.T) {
	t.Parallel()
	got := newSite(t).ask("HEAD", "/nowhere", nil)
	if got.Code != http.StatusNotFound || got.Body.Len() != 0 {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

func TestProblem_ComesTooLateOnceTheAnswerHasBegun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/begun", func(c echo.Context) error {
		_ = c.String(http.StatusOK, "begun")
		return errors.New("too late")
	})
	if got := s.ask("GET", "/begun", nil); got.Code != http.StatusOK || got.Body.String() != "begun" {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

func TestPanic_ToAbortIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/abort", func(echo.Context) error { panic(http.ErrAbortHandler) })
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v", p)
		}
	}()
	s.ask("GET", "/abort", nil)
}

func TestCorrelation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/", func(c echo.Context) error {
		return c.String(http.StatusOK, telemetry.Correlation(c.Request().Context()))
	})
	for name, test := range map[string]struct {
		headers []string
		want    string // "" for a new one
		status  int
	}{
		"given":         {[]string{"correlationId: " + correlation}, correlation, 200},
		"in upper case": {[]string{"correlationId: " + strings.ToUpper(correlation)}, correlation, 200},
		"other case":    {[]string{"CORRELATIONID: " + correlation}, correlation, 200},
		"version 7":     {[]string{"correlationId: 0199f1f4-6c1e-7b3a-9d0c-5b8e6f2a1c47"}, "0199f1f4-6c1e-7b3a-9d0c-5b8e6f2a1c47", 200},
		"all zeros":     {[]string{"correlationId: 00000000-0000-0000-0000-000000000000"}, "00000000-0000-0000-0000-000000000000", 200},
		"none":          {nil, "", 200},
		"empty":         {[]string{"correlationId: "}, "", 200},
		"not a UUID":    {[]string{"correlationId: x"}, "", 400},
		"braces":        {[]string{"correlationId: {" + correlation + "}"}, "", 400},
		"urn":           {[]string{"correlationId: urn:uuid:" + correlation}, "", 400},
		"no dashes":     {[]string{"correlationId: " + strings.ReplaceAll(correlation, "-", "")}, "", 400},
		"10 kB":         {[]string{"correlationId: " + strings.Repeat("a", 10_240)}, "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := s.ask("GET", "/", nil, test.headers...)
			id := correlationOf(got)
			if got.Code != test.status || test.want != "" && id != test.want || test.want == "" && (uuid.Validate(id) != nil || id == correlation) {
				t.Errorf("got %d with %q, want %d with %q", got.Code, id, test.status, test.want)
			}
			if test.status == http.StatusOK && got.Body.String() != id {
				t.Errorf("the context has %q, the header %q", got.Body, id)
			}
		})
	}
	t.Run("health answers everybody", func(t *testing.T) {
		for _, path := range []string{"/health", "/livez", "/readyz"} {
			if got := s.ask("GET", path, nil, "correlationId: x"); got.Code != http.StatusOK || uuid.Validate(correlationOf(got)) != nil {
				t.Errorf("%s: %d %q", path, got.Code, correlationOf(got))
			}
		}
	})
}

func TestParam_IsDecodedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/things/:thing", func(c echo.Context) error { return c.String(http.StatusOK, web.Param(c, "thing")) })
	for path, want := range map[string]string{
		"plain": "plain", "a+b": "a+b", "a%2Bb": "a+b", "a%20b": "a b", "a%252Bb": "a%2Bb", "a%2520b": "a%20b", "a%2Fb": "a/b", "%61": "a",
		"a%2Bb%2520c": "a+b%20c", "a%00b": "a\x00b", "%FF": "\xff", "a:b": "a:b", "%C3%A4": "ä",
	} {
		if got := s.ask("GET", "/things/"+path, nil); got.Body.String() != want {
			t.Errorf("%s is read as %q, want %q", path, got.Body, want)
		}
	}
}

// Clients must not be able to make the metrics grow.
func TestMetrics_LabelsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/things/:thing", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	for i := range 50 {
		for _, method := range []string{"GET", fmt.Sprintf("BREW%d", i), "DELETE"} {
			s.ask(method, fmt.Sprintf("/made-up-%d", i), nil)
			s.ask(method, fmt.Sprintf("/made-up-%d", i), nil, "correlationId: x")
			s.ask(method, fmt.Sprintf("/things/%d", i), nil)
			s.ask(method, fmt.Sprintf("/things/%d/%d", i, i), nil)
		}
	}
	metrics := s.metrics()
	for _, want := range []string{
		`counterfoil_http_requests_total{code="200",method="GET",route="/things/:thing"} 100`,
		`counterfoil_http_requests_total{code="404",method="GET",route="none"} 50`,
		`counterfoil_http_requests_total{code="404",method="other",route="none"} 50`,
		`counterfoil_http_requests_total{code="400",method="other",route="none"} 50`,
		`counterfoil_http_requests_total{code="405",method="other",route="/things/:thing"} 100`,
		`counterfoil_http_request_seconds_count{method="GET",route="/things/:thing"} 100`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no series %s", want)
		}
	}
	if n := strings.Count(metrics, "counterfoil_http_requests_total{"); n > 10 {
		t.Errorf("%d series:\n%s", n, metrics)
	}
	if strings.Contains(metrics, "made-up") || strings.Contains(metrics, "BREW") {
		t.Error("clients write into the metrics")
	}
}

func TestLog_OneLineForEachRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/ok", func(c echo.Context) error {
		web.Log(c, slog.String("command_id", "one"))
		web.Log(c, slog.Int("partition", 3))
		return c.NoContent(http.StatusOK)
	})
	s.GET("/away", func(echo.Context) error { return fault.New(fault.CodeBrokerAway, "Try again.", errors.New("refused")) })
	s.GET("/bug", func(echo.Context) error { return errors.New("bug") })
	for _, path := range []string{"/ok", "/away", "/bug", "/nowhere?token=hunter2", "/health"} {
		s.ask("GET", path, nil, "correlationId: "+correlation, "Authorization: hunter2")
	}
	lines := s.logs.lines(t, "request")
	for i, want := range []map[string]any{
		{"level": "INFO", "route": "/ok", "status": 200.0, "command_id": "one", "partition": 3.0, "code": nil, "error": nil},
		{"level": "WARN", "route": "/away", "status": 503.0, "code": "broker-away", "error": "Try again.: refused"},
		{"level": "ERROR", "route": "/bug", "status": 500.0, "code": "internal"},
		{"level": "INFO", "route": "none", "status": 404.0, "code": "no-route", "error": nil},
		{"level": "DEBUG", "route": "/health", "status": 200.0},
	} {
		want["correlation_id"], want["method"], want["service"] = correlation, "GET", "test"
		if len(lines) <= i {
			t.Fatalf("%d lines", len(lines))
		}
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
		if seconds, ok := lines[i]["seconds"].(float64); !ok || seconds < 0 {
			t.Errorf("line %d: seconds %v", i, lines[i]["seconds"])
		}
	}
	if strings.Contains(fmt.Sprint(lines), "hunter2") {
		t.Errorf("secrets are logged: %v", lines)
	}
}

// A client that left got no answer: its request counts as 499, and neither as a failure nor as a success. A defect is one
// all the same.
func TestLog_AClientThatLeftIsNotAFailure(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/wait", func(c echo.Context) error { return fmt.Errorf("wait: %w", c.Request().Context().Err()) })
	s.GET("/away", func(echo.Context) error { return fault.New(fault.CodeDatabaseAway, "Try again.", nil) })
	s.GET("/bug", func(echo.Context) error { panic("bug") })
	gone, leave := context.WithCancel(t.Context())
	leave()
	for _, path := range []string{"/wait", "/away", "/bug"} {
		s.answer(httptest.NewRequest("GET", path, nil).WithContext(gone))
	}
	lines := s.logs.lines(t, "request")
	for i, want := range []map[string]any{
		{"level": "INFO", "route": "/wait", "status": 499.0},
		{"level": "INFO", "route": "/away", "status": 499.0},
		{"level": "ERROR", "route": "/bug", "status": 500.0, "code": "internal"},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
	}
	if metrics := s.metrics(); !strings.Contains(metrics, `{code="499",method="GET",route="/away"} 1`) {
		t.Errorf("it is not counted:\n%s", metrics)
	}
}

func TestOpenAPI_IsServed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.ask("GET", "/openapi.yaml", nil); got.Code != 200 || got.Body.String() != "openapi: 3.1.0\n" || got.Header().Get("Content-Type") != "application/yaml" {
		t.Errorf("got %d %v %s", got.Code, got.Header(), got.Body)
	}
	if got := s.ask("GET", "/metrics", nil); got.Code != http.StatusNotFound {
		t.Errorf("metrics are on the public port: %d", got.Code)
	}
	if got := s.ask("GET", "/debug/pprof/", nil); got.Code != http.StatusNotFound {
		t.Errorf("pprof is on the public port: %d", got.Code)
	}
}

func TestRouter_TwoCorrelationIdsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/thing", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	const id = "52f2665d-c087-42e5-a571-89061021a37c"
	for _, given := range [][]string{{id, id}, {id, ""}, {"", id}} {
		got := s.ask("GET", "/thing", nil, "correlationId: "+given[0], "correlationId: "+given[1])
		if got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "invalid-correlation-id") {
			t.Errorf("%q: got %d %s", given, got.Code, got.Body)
		}
	}
}

// A router that is made again has what all have, and none of the routes of the first one.
func TestRouter_AgainHasTheSameMetricsAndNoneOfTheRoutes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.GET("/old", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	other := s.Again()
	other.GET("/new", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	live := &web.Live{}
	live.Replace(s.Router)
	live.Replace(other)
	for path, want := range map[string]int{"/old": http.StatusNotFound, "/new": http.StatusNoContent, "/health": http.StatusOK, "/openapi.yaml": http.StatusOK} {
		recorder := httptest.NewRecorder()
		live.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		if recorder.Code != want || recorder.Header()["correlationId"] == nil {
			t.Errorf("%s: got %d %v, want %d", path, recorder.Code, recorder.Header(), want)
		}
	}
	if got := s.ask("GET", "/new", nil); got.Code != http.StatusNotFound {
		t.Errorf("the first router has the new route: %d", got.Code)
	}
}
