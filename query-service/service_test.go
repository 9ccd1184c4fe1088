package queryservice_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// patience bounds every wait of a test. It is for a slow machine; nothing that is tested takes as long.
const patience = 30 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Stopping(m)) }

// running is a service under test, used through its doors only.
type running struct {
	t        *testing.T
	url      string
	adminURL string
	client   *http.Client
	logs     *logs
	document *document
	ended    <-chan struct{} // closed when Run has returned
	stop     func() error    // ends it, if it has not ended, and returns what Run returned
}

// start runs a service on the database as the reader, until the test ends, and waits until it is ready.
func start(t *testing.T, db *database, change ...func(*queryservice.Config)) *running {
	t.Helper()
	s := launch(t, db.ReaderURL, change...)
	s.requireReady()
	return s
}

// launch runs a service until the test ends. It need not become ready. Stopping it must succeed, unless the test stops
// it itself.
func launch(t *testing.T, databaseURL string, change ...func(*queryservice.Config)) *running {
	t.Helper()
	cfg := queryservice.Config{Database: postgres.Config{URL: databaseURL}}
	s := &running{t: t, logs: &logs{}, client: &http.Client{Transport: &http.Transport{}}, document: readDocument(t)}
	cfg.Listener, s.url = listen(t)
	cfg.AdminListener, s.adminURL = listen(t)
	cfg.LogOutput = s.logs
	for _, c := range change {
		c(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	var failure error
	go func() {
		defer close(ended)
		failure = queryservice.Run(ctx, cfg)
	}()
	s.ended = ended
	var handled bool
	s.stop = func() error {
		handled = true
		cancel()
		select {
		case <-ended:
			return failure
		case <-time.After(patience):
			return fmt.Errorf("it does not stop")
		}
	}
	t.Cleanup(func() {
		if !handled {
			if err := s.stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
		}
		s.client.CloseIdleConnections()
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.logs)
		}
	})
	return s
}

func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener, "http://" + listener.Addr().String()
}

func (s *running) requireReady() {
	s.t.Helper()
	eventually(s.t, "the service is ready", func() bool { return s.get("/readyz").status == http.StatusOK })
}

// answer is an HTTP answer, read whole.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the server announced that it closes the connection
}

func (a answer) String() string { return fmt.Sprintf("%d %v %s", a.status, a.header, a.body) }

// code returns the problem document's code, "" where there is none.
func (a answer) code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &problem)
	return problem.Code
}

// get asks for the path with headers such as "Prefer: wait=1" and holds the answer against the OpenAPI document.
func (s *running) get(path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, path, headers...)
}

// post sends a query and returns its answer.
func (s *running) post(path, body string, headers ...string) answer {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatalf("POST %s: %v", path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text), response.Close}
}

func (s *running) do(method, path string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(s.t.Context(), method, path, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (s *running) try(ctx context.Context, method, path string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, nil)
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		request.Header.Add(name, value)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{response.StatusCode, response.Header, string(body), response.Close}
	s.document.check(s.t, method, path, a)
	return a, nil
}

// parked asks in the background and returns where the answer arrives.
func (s *running) parked(path string, headers ...string) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		a, err := s.try(s.t.Context(), http.MethodGet, path, headers...)
		if err != nil {
			s.t.Errorf("GET %s: %v", path, err)
		}
		answers <- a
	}()
	return answers
}

// receive returns the answer when it has arrived.
func receive(t *testing.T, answers <-chan answer) answer {
	t.Helper()
	select {
	case a := <-answers:
		return a
	case <-time.After(patience):
		t.Fatal("no answer")
		return answer{}
	}
}

func (s *running) requireWaiting(n float64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v requests wait", n), func() bool { return s.metric("counterfoil_long_polls_waiting") == n })
}

// metric returns the value of a line of /metrics, 0 where there is none.
func (s *running) metric(name string) float64 {
	s.t.Helper()
	response, err := s.client.Get(s.adminURL + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return value
		}
	}
	return 0
}

// logs is where a service writes while a test reads.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines returns the log's lines that hold the text.
func (l *logs) lines(text string) (found []map[string]any) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			fields := map[string]any{}
			_ = json.Unmarshal([]byte(line), &fields)
			found = append(found, fields)
		}
	}
	return found
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("it does not happen that %s", what)
		case <-tick.C:
		}
	}
}
