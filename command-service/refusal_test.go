package commandservice_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestRefusal_UnknownRoutesAreProblems(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, path := range []string{
		"/", "/app/", "/apps", "/api/v1", "/api/v2/timestamp", "/API/V1/timestamp", "//api/v1/timestamp", "/api/v1/timestamps",
		"/metrics", "/debug/pprof/", "/../../etc/passwd", "/%2e%2e/etc/passwd", "/app%00", "/%FF",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete, "BREW"} {
			requireProblem(t, s.do(method, path, "correlationId: "+correlation), http.StatusNotFound, "no-route")
		}
	}
}

func TestRefusal_WrongMethodsAreProblemsThatNameTheRightOnes(t *testing.T) {
	t.Parallel()
	s := start(t)
	timestamp := "/api/v1/timestamp/2009-09-28T19:03:12Z"
	for _, test := range []struct {
		path, allowed string
		methods       []string
	}{
		{timestamp, "OPTIONS, POST", []string{"GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW"}},
		{"/api/v1/timestamp", "OPTIONS, POST", []string{"GET", "PUT", "BREW"}},
		{"/api/v1/timestamp/", "OPTIONS, POST", []string{"GET", "BREW"}},
		{"/app", "OPTIONS, POST", []string{"GET", "post", "BREW"}},
		{"/health", "GET, HEAD, OPTIONS", []string{"POST", "BREW"}},
		{"/openapi.yaml", "GET, HEAD, OPTIONS", []string{"POST", "DELETE"}},
	} {
		for _, method := range test.methods {
			a := s.do(method, test.path)
			requireProblem(t, a, http.StatusMethodNotAllowed, "method-not-allowed")
			if got := allowed(a); got != test.allowed {
				t.Errorf("%s %s: Allow %q, want %q", method, test.path, got, test.allowed)
			}
		}
		if a := s.do(http.MethodOptions, test.path); a.status != http.StatusNoContent || allowed(a) != test.allowed || a.body != "" {
			t.Errorf("OPTIONS %s: %s, want Allow %q", test.path, a, test.allowed)
		}
	}
	a := s.do(http.MethodHead, timestamp)
	if a.status != http.StatusMethodNotAllowed || a.body != "" || allowed(a) != "OPTIONS, POST" {
		t.Errorf("HEAD: %s", a)
	}
	if records := kafkatest.Records(t, s.topic, 0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}

// allowed returns the methods of the Allow header in order.
func allowed(a answer) string {
	methods := strings.Split(a.header.Get("Allow"), ", ")
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func TestRefusal_CorrelationIDsThatAreNotUUIDs(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, id := range []string{
		"x", "52f2665d-c087-42e5-a571-89061021a37", "52f2665dc08742e5a57189061021a37c", "{52f2665d-c087-42e5-a571-89061021a37c}",
		"urn:uuid:52f2665d-c087-42e5-a571-89061021a37c", "52f2665d-c087-42e5-a571-89061021a37g", strings.Repeat("a", 5_000),
		"52f2665d-c087-42e5-a571-89061021a37c, 52f2665d-c087-42e5-a571-89061021a37c", `"}{`,
	} {
		a := s.post("/app", "correlationId: "+id)
		requireProblem(t, a, http.StatusBadRequest, "invalid-correlation-id")
		if strings.Contains(a.body, id) && len(id) > 10 {
			t.Errorf("the answer repeats the id: %s", a.body)
		}
	}
	if a := s.post("/app", "correlationId: "); a.status != http.StatusOK {
		t.Errorf("an empty header is as good as none: %s", a)
	}
	if a := s.do(http.MethodGet, "/health", "correlationId: x"); a.status != http.StatusOK {
		t.Errorf("health answers everybody: %s", a)
	}
}

func TestBody_IsIgnoredUpToItsLimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	const limit = 64 << 10
	noise := make([]byte, 2*limit)
	_, _ = rand.Read(noise)
	type only struct{ io.Reader } // hides the length, so that the body is chunked
	for _, path := range []string{"/app", "/api/v1/timestamp", "/api/v1/timestamp/2009-09-28T19:03:12Z"} {
		for name, test := range map[string]struct {
			body io.Reader
			ok   bool
		}{
			"empty":                    {bytes.NewReader(nil), true},
			"a JSON document":          {strings.NewReader(`{"event_timestamp":"2000-01-01T00:00:00Z"}`), true},
			"noise up to the limit":    {bytes.NewReader(noise[:limit]), true},
			"chunked up to the limit":  {only{bytes.NewReader(noise[:limit])}, true},
			"announced over the limit": {bytes.NewReader(noise[:limit+1]), false},
			"chunked over the limit":   {only{bytes.NewReader(noise[:limit+1])}, false},
			"chunked far over it":      {only{bytes.NewReader(noise)}, false},
		} {
			a := s.send(s.request(http.MethodPost, path, test.body))
			if test.ok {
				a.ticket(t)
				continue
			}
			if p := requireProblem(t, a, http.StatusRequestEntityTooLarge, "body-too-large"); !strings.Contains(p.Detail, "65536") {
				t.Errorf("%s: detail %q does not name the limit", name, p.Detail)
			}
		}
	}
	if records := kafkatest.Records(t, s.topic, 12); len(records) != 12 {
		t.Errorf("%d records, want one for each accepted request", len(records))
	}
}

// raw sends bytes as they are and returns all that comes back until the service closes the connection.
func (s *running) raw(text string) (*http.Response, string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	// A service that refuses early may close the connection before it has read everything.
	go func() { _, _ = io.WriteString(conn, text) }()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatalf("%.80q: %v", text, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%.80q: %v", text, err)
	}
	return response, string(body)
}

func TestBody_BrokenChunkingIsAProblem(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, body := range map[string]string{
		"not a length":  "xyz\r\nabc\r\n0\r\n\r\n",
		"too short":     "1\r\nabc\r\n0\r\n\r\n",
		"huge length":   "fffffffffffffffff\r\na\r\n0\r\n\r\n",
		"long chunk ex": "1;" + strings.Repeat("x", 8192) + "\r\na\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			response, text := s.raw("POST /app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
			requireProblem(t, answer{response.StatusCode, response.Header, text}, http.StatusBadRequest, "broken-request")
		})
	}
	if records := kafkatest.Records(t, s.topic, 0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}

// A body that never comes to its end makes no record. Nobody is left to be answered.
func TestBody_ThatEndsEarlyIsNotACommand(t *testing.T) {
	t.Parallel()
	s := start(t)
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	eventually(t, "the request ends", func() bool {
		return len(s.logs.find(map[string]any{"msg": "request", "route": "/app"})) == 1
	})
	if records := kafkatest.Records(t, s.topic, 0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
}

// What is not HTTP is refused before there is a request, and the service goes on.
func TestHostile_RequestsThatAreNotHTTP(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, test := range map[string]struct {
		request string
		status  int
	}{
		"percent without digits":    {"POST /api/v1/timestamp/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"percent at the end":        {"POST /api/v1/timestamp/% HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"NUL in the path":           {"POST /api/v1/timestamp/\x00 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"a space in the path":       {"POST /api/v1/timestamp/2009-09-28 19:03:12Z HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"NUL in a header":           {"POST /app HTTP/1.1\r\nHost: x\r\ncorrelationId: \x00\r\n\r\n", 400},
		"no host":                   {"POST /app HTTP/1.1\r\n\r\n", 400},
		"a folded header":           {"POST /app HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
		"length and chunks":         {"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
		"a negative length":         {"POST /app HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
		"not HTTP at all":           {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
		"a version of the future":   {"POST /app HTTP/9.1\r\nHost: x\r\n\r\n", 505},
		"one huge header":           {"POST /app HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n", 431},
		"many headers":              {"POST /app HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 20_000) + "\r\n", 431},
		"a huge path":               {"POST /" + strings.Repeat("x", 100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		"an unknown coding":         {"POST /app HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		"a huge Idempotency-Key":    {"POST /app HTTP/1.1\r\nHost: x\r\nIdempotency-Key: " + strings.Repeat("k", 10_000) + "\r\nConnection: close\r\n\r\n", 400},
		"invalid UTF-8 in a header": {"POST /app HTTP/1.1\r\nHost: x\r\nIdempotency-Key: \xff\xfe\r\nConnection: close\r\n\r\n", 400},
		"CONNECT":                   {"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n", 404},
	} {
		t.Run(name, func(t *testing.T) {
			if response, body := s.raw(test.request); response.StatusCode != test.status {
				t.Errorf("got %d %s, want %d", response.StatusCode, body, test.status)
			}
		})
	}
	if records := kafkatest.Records(t, s.topic, 0); len(records) != 0 {
		t.Errorf("%d records", len(records))
	}
	s.post("/app").ticket(t)
}

// A client that sends its headers a byte at a time is cut off, and meanwhile nobody else waits.
func TestHostile_SlowHeadersHoldNobodyUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	var slow []net.Conn
	for range 50 {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprint(conn, "POST /app HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	s.post("/app").ticket(t)
	for _, conn := range slow {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("the connection was not closed: %v", err)
		}
	}
	if records := kafkatest.Records(t, s.topic, 1); len(records) != 1 {
		t.Errorf("%d records", len(records))
	}
}
