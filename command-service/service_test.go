package commandservice_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

// patience bounds every wait of a test. It is for a slow machine; nothing that is tested takes as long.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	// The ticker behind the meters of sarama is one for the process.
	goleak.VerifyTestMain(kafkatest.Stopping(m), goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		goleak.IgnoreAnyFunction("github.com/eapache/go-resiliency/breaker.(*Breaker).timer"))
}

// running is a service under test, used through its doors only.
type running struct {
	t        *testing.T
	url      string
	adminURL string
	address  string
	topic    string
	client   *http.Client
	logs     *logs
	ready    func() // blocks until it is ready
	stop     func() error
}

// defaults returns what the environment's defaults are, on a topic and a broker for tests.
func defaults(t *testing.T, broker, topic string) commandservice.Config {
	t.Helper()
	return commandservice.Config{
		Kafka:        kafka.Config{Brokers: strings.Split(broker, ",")},
		PublishTopic: topic,
		Partitions:   6,
		AckTimeout:   patience,
		MaxInFlight:  4096,
		QueryURL:     "http://query.example:7081",
	}
}

// start runs a service on the process's broker and a topic of its own, and waits until it is ready.
func start(t *testing.T, change ...func(*commandservice.Config)) *running {
	t.Helper()
	cfg := defaults(t, kafkatest.Broker(t), kafkatest.Topic(t, 6))
	for _, c := range change {
		c(&cfg)
	}
	s := launch(t, cfg)
	s.ready()
	return s
}

// launch runs a service until the test ends. It need not be ready yet.
func launch(t *testing.T, cfg commandservice.Config) *running {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s := &running{t: t, logs: &logs{}, topic: cfg.PublishTopic, client: &http.Client{Transport: &http.Transport{}}}
	cfg.Listener, s.url = listen(t)
	cfg.AdminListener, s.adminURL = listen(t)
	s.address = strings.TrimPrefix(s.url, "http://")
	cfg.LogOutput = s.logs
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- commandservice.Run(ctx, cfg) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return fmt.Errorf("it does not stop")
		}
	})
	s.ready = func() {
		t.Helper()
		eventually(t, "the service is ready", func() bool { return s.do(http.MethodGet, "/readyz").status == http.StatusOK })
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop: %v", err)
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

// freePort returns a port below those that the kernel hands out, so that nobody gets it by chance in between.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 12_000 + rand.IntN(18_000)
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s %v", a.status, a.body, a.header) }

// do sends a request with headers given as "Name: value".
func (s *running) do(method, path string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(method, path, nil, headers...))
}

func (s *running) post(path string, headers ...string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, path, headers...)
}

func (s *running) request(method, path string, body io.Reader, headers ...string) *http.Request {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		request.Header.Add(name, strings.TrimSpace(value))
	}
	return request
}

func (s *running) send(request *http.Request) answer {
	s.t.Helper()
	a, err := s.try(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", request.Method, request.URL, err)
	}
	return a
}

func (s *running) try(request *http.Request) (answer, error) {
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// later sends a POST in the background.
func (s *running) later(path string, headers ...string) <-chan answer {
	s.t.Helper()
	request := s.request(http.MethodPost, path, nil, headers...)
	result := make(chan answer, 1)
	go func() {
		a, err := s.try(request)
		if err != nil {
			a.body = err.Error()
		}
		result <- a
	}()
	return result
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not come true that %s", what)
		}
	}
}

// ticket returns the id of a 200 answer.
func (a answer) ticket(t *testing.T) uuid.UUID {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || a.status != http.StatusOK || len(body) != 1 {
		t.Fatalf("not a ticket: %s", a)
	}
	id, err := uuid.Parse(body["id"])
	if err != nil {
		t.Fatalf("not a ticket: %s", a)
	}
	return id
}

// problem is a problem document as a client sees it.
type problem struct {
	Type, Title, Detail, Code, ID string
	Status                        int
	CorrelationID                 string `json:"correlation_id"`
}

// requireProblem checks everything that all problem documents have in common.
func requireProblem(t *testing.T, a answer, status int, code string) problem {
	t.Helper()
	var p problem
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("not a problem document: %v: %s", err, a)
	}
	if a.status != status || p.Status != status || p.Code != code || p.Type != "urn:counterfoil:problem:"+code {
		t.Fatalf("got %s, want %d %s", a, status, code)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if p.Title == "" || p.Detail == "" {
		t.Errorf("it does not say what is wrong: %s", a.body)
	}
	if id := a.header.Get("correlationId"); uuid.Validate(id) != nil || p.CorrelationID != id {
		t.Errorf("correlation id %q in the header, %q in the document", id, p.CorrelationID)
	}
	if wantRetry := status == http.StatusServiceUnavailable; wantRetry != (a.header.Get("Retry-After") != "") {
		t.Errorf("Retry-After %q with status %d", a.header.Get("Retry-After"), status)
	}
	return p
}

// logs keeps what a service logs.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// find returns the lines whose attributes have these values.
func (l *logs) find(want map[string]any) []map[string]any {
	var found []map[string]any
	lines := bufio.NewScanner(strings.NewReader(l.String()))
	lines.Buffer(nil, 1<<20)
next:
	for lines.Scan() {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		for k, v := range want {
			if line[k] != v {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}
