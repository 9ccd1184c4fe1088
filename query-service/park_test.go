package queryservice_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	queryservice "github.com/counterfoil/counterfoil/query-service"
)

// wire is a connection on which a test writes requests as it likes.
type wire struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

func (s *running) dial() *wire {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return &wire{t: s.t, Conn: conn, reader: bufio.NewReader(conn)}
}

func (w *wire) send(request string, fields ...string) {
	w.t.Helper()
	if _, err := fmt.Fprintf(w, "%s\r\nHost: test\r\n%s\r\n", request, strings.Join(append(fields, ""), "\r\n")); err != nil {
		w.t.Error(err)
	}
}

// receive returns the next answer, which is to a request with the method.
func (w *wire) receive(method string) (*http.Response, string) {
	w.t.Helper()
	response, err := http.ReadResponse(w.reader, &http.Request{Method: method})
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, string(body)
}

func (w *wire) requireClosed() {
	w.t.Helper()
	if rest, err := io.ReadAll(w.reader); err != nil || len(rest) > 0 {
		w.t.Errorf("the connection is still open: got %q, %v", rest, err)
	}
}

// parkAtOnce leaves no request in its handler that may park.
func parkAtOnce(cfg *queryservice.Config) { cfg.ParkAfter = time.Nanosecond }

func TestPark_AConnectionServesAnyNumberOfLongPolls(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db, parkAtOnce)
	w := s.dial()
	path := "/api/v1/timestamp/" + known
	w.send("GET " + path + "?wait=1ms HTTP/1.1")
	if r, body := w.receive(http.MethodGet); r.StatusCode != http.StatusNotFound || r.Close || r.Header.Get("Date") == "" ||
		r.Header.Get("correlationId") == "" || int(r.ContentLength) != len(body) {
		t.Errorf("the first: got %v %s", r, body)
	}
	w.send("HEAD "+path+" HTTP/1.1", "Prefer: wait=0")
	w.receive(http.MethodHead)
	w.send("HEAD " + path + "?wait=1ms HTTP/1.1")
	if r, body := w.receive(http.MethodHead); r.StatusCode != http.StatusNotFound || r.ContentLength >= 0 || body != "" {
		t.Errorf("HEAD: got %v %q", r, body)
	}
	w.send("GET "+path+"?wait=30s HTTP/1.1", "correlationId: "+parkedID)
	s.requireWaiting(1)
	db.apply(row{known, noon})
	r, body := w.receive(http.MethodGet)
	if r.StatusCode != http.StatusOK || !strings.Contains(body, known) || r.Header.Get("correlationId") != parkedID {
		t.Errorf("the row: got %v %s", r, body)
	}
	w.send("HEAD " + path + "?wait=30s HTTP/1.1")
	if r, none := w.receive(http.MethodHead); r.StatusCode != http.StatusOK || int(r.ContentLength) != len(body) || none != "" {
		t.Errorf("HEAD: got %v %q", r, none)
	}
	unparked := s.get(path)
	for name, values := range unparked.header {
		if name != "Date" && name != "Correlationid" && strings.Join(r.Header[name], ";") != strings.Join(values, ";") {
			t.Errorf("%s is %q, and %q where nobody waited", name, r.Header[name], values)
		}
	}
	if body != unparked.body {
		t.Errorf("got %s, and %s where nobody waited", body, unparked.body)
	}
	w.send("GET /api/v1/tickets/"+newID(t)+"?wait=1ms HTTP/1.1", "Connection: close")
	if r, body := w.receive(http.MethodGet); r.StatusCode != http.StatusOK || !r.Close || !strings.Contains(body, "pending") {
		t.Errorf("the last: got %v %s", r, body)
	}
	w.requireClosed()
}

func TestPark_ALongPollIsLoggedAndCountedOnceWithAllOfItsTime(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t), parkAtOnce)
	if a := s.get("/api/v1/timestamp/" + known + "?wait=50ms"); a.code() != "not-found" {
		t.Errorf("got %s", a)
	}
	eventually(t, "it is logged", func() bool { return len(s.logs.lines(known)) > 0 })
	if lines := s.logs.lines(known); len(lines) != 1 || lines[0]["seconds"].(float64) < 0.05 || lines[0]["status"].(float64) != http.StatusNotFound {
		t.Errorf("it is logged as %v", lines)
	}
	if n := s.metric(`counterfoil_http_requests_total{code="404",method="GET",route="/api/v1/timestamp/:id"}`); n != 1 {
		t.Errorf("%v requests are counted", n)
	}
	if n := s.metric(`counterfoil_long_polls_total{end="time",question="timestamp"}`); n != 1 {
		t.Errorf("%v long polls are counted", n)
	}
}

// A client that sends its next request early has both answered, in their order.
func TestPark_WhatIsSentEarlyIsAnsweredNext(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t), parkAtOnce)
	w := s.dial()
	w.send("GET /api/v1/timestamp/" + known + "?wait=30s HTTP/1.1")
	s.requireWaiting(1)
	w.send("GET /health HTTP/1.1")
	w.send("GET /api/v1/timestamp/" + parkedID + "?wait=1ms HTTP/1.1\r\nHost: test\r\n\r\nGET /livez HTTP/1.1")
	for i, want := range []string{known, `{"status":"UP"}`, parkedID, `{"status":"UP"}`} {
		if r, body := w.receive(http.MethodGet); !strings.Contains(body, want) {
			t.Errorf("answer %d: got %v %s, want %s", i, r, body, want)
		}
	}
	s.requireWaiting(0)
}

// What cannot park waits all the same.
func TestPark_OldClientsAndBodiesWaitInTheirHandlers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db, parkAtOnce)
	old, body := s.dial(), s.dial()
	old.send("GET /api/v1/timestamp/" + known + "?wait=30s HTTP/1.0")
	body.send("GET /api/v1/timestamp/"+known+"?wait=30s HTTP/1.1", "Content-Length: 1", "", "x")
	s.requireWaiting(2)
	db.apply(row{known, noon})
	for _, w := range []*wire{old, body} {
		if r, body := w.receive(http.MethodGet); r.StatusCode != http.StatusOK {
			t.Errorf("got %v %s", r, body)
		}
	}
}

// More than are let through at the same time ask again and again.
func TestPark_ManyAskAgainTogether(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t), parkAtOnce)
	var all sync.WaitGroup
	for range 300 {
		w, id := s.dial(), newID(t)
		all.Go(func() {
			for range 3 {
				w.send("GET /api/v1/timestamp/" + id + "?wait=100ms HTTP/1.1")
				response, err := http.ReadResponse(w.reader, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if body, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(body), id) {
					t.Errorf("got %s, %v", body, err)
				}
			}
		})
	}
	all.Wait()
	s.requireWaiting(0)
}

// Whatever a client does with its connection, its requests are answered in their order or given up, each is logged once, and
// nothing waits any longer.
func TestPark_EachIsLoggedOnceWhateverTheClientDoes(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t), parkAtOnce)
	ask := func(wait string) string { return "GET /api/v1/timestamp/" + newID(t) + "?wait=" + wait + " HTTP/1.1" }
	sent := 0
	for name, do := range map[string]func(w *wire) (requests int){
		"it leaves": func(w *wire) int { w.send(ask("30s")); s.requireWaiting(1); _ = w.Close(); return 1 },
		"it resets": func(w *wire) int { w.send(ask("30s")); s.requireWaiting(1); w.reset(); return 1 },
		"it sends no more": func(w *wire) int {
			w.send(ask("30s"))
			_ = w.Conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, w.reader)
			return 1
		},
		"it sends what is no request": func(w *wire) int {
			w.send(ask("30s"), "", "\x00 is none")
			w.receive(http.MethodGet)
			if r, _ := w.receive(http.MethodGet); r.StatusCode != http.StatusBadRequest {
				t.Errorf("got %v", r)
			}
			w.requireClosed()
			return 1
		},
		"it sends everything at once": func(w *wire) int {
			ids := []string{newID(t), newID(t)}
			for i := range 100 {
				w.send("GET /api/v1/timestamp/"+ids[i%2]+"?wait=30s HTTP/1.1", "X-Fill: "+strings.Repeat("x", 500))
			}
			for i := range 99 {
				if _, body := w.receive(http.MethodGet); !strings.Contains(body, ids[i%2]) {
					t.Errorf("answer %d is %s, want %s", i, body, ids[i%2])
				}
			}
			_ = w.Conn.(*net.TCPConn).CloseWrite() // the last one would wait for 30 s
			_, _ = io.Copy(io.Discard, w.reader)
			return 100
		},
		"it leaves while its answer comes": func(w *wire) int { w.send(ask("1ms")); _ = w.Close(); return 1 },
	} {
		w := s.dial()
		sent += do(w)
		eventually(t, name+": nothing waits, and all is logged", func() bool {
			return s.metric("counterfoil_long_polls_waiting") == 0 && len(s.logs.lines(`"/api/v1/timestamp/:id"`)) >= sent
		})
		if logged := len(s.logs.lines(`"/api/v1/timestamp/:id"`)); logged != sent {
			t.Errorf("%s: %d of %d requests are logged", name, logged, sent)
			sent = logged
		}
	}
}

// reset closes the connection so that what was sent is lost.
func (w *wire) reset() {
	_ = w.Conn.(*net.TCPConn).SetLinger(0)
	_ = w.Close()
}
