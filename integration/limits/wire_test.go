package limits

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// A wire is a connection on which a test writes what no well-behaved client does.
type wire struct {
	net.Conn
	reader *bufio.Reader
}

// dial opens a connection to the service, which is closed when the test has ended.
func dial(t *testing.T, service *client.Service) *wire {
	t.Helper()
	return dialMany(t, service, 1)[0]
}

// dialMany opens n connections.
func dialMany(t *testing.T, service *client.Service, n int) []*wire {
	t.Helper()
	wires := make([]*wire, n)
	t.Cleanup(func() { hangUp(wires) })
	each(t, n, func(i int) error {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(service.URL, "http://"), await.Patience)
		if err != nil {
			return err
		}
		wires[i] = &wire{conn, bufio.NewReaderSize(conn, 512)}
		if err := conn.SetDeadline(time.Now().Add(2 * await.Patience)); err != nil {
			return err
		}
		// A connection that says nothing is cut after 5 s, which dialing them all may take.
		if err := wires[i].request(http.MethodGet, "/livez"); err != nil {
			return err
		}
		_, err = wires[i].answer()
		return err
	})
	return wires
}

func hangUp(wires []*wire) {
	for _, w := range wires {
		if w != nil {
			_ = w.Close()
		}
	}
}

// each does something for every number below n, some of them at the same time.
func each(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(64)
	for i := range n {
		group.Go(func() error {
			if err := do(i); err != nil {
				return fmt.Errorf("number %d of %d: %w", i, n, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// send writes lines, each with its end.
func (w *wire) send(lines ...string) error {
	_, err := io.WriteString(w, strings.Join(lines, "\r\n")+"\r\n")
	return err
}

// request writes a whole request without a body.
func (w *wire) request(method, path string, headers ...string) error {
	return w.send(append(append([]string{method + " " + path + " HTTP/1.1", "Host: limits"}, headers...), "")...)
}

// answer reads one answer.
func (w *wire) answer() (client.Answer, error) {
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		return client.Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.Close {
		response.Header.Set("Connection", "close") // which net/http takes out
	}
	body, err := io.ReadAll(response.Body)
	return client.Answer{Status: response.StatusCode, Header: response.Header, Body: string(body)}, err
}

// mustAnswer is answer where there has to be one.
func (w *wire) mustAnswer(t *testing.T) client.Answer {
	t.Helper()
	answer, err := w.answer()
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	return answer
}

// requireCut fails the test unless the service ends the connection, with or without an answer before.
func (w *wire) requireCut(t *testing.T) {
	t.Helper()
	_, err := io.Copy(io.Discard, w.reader)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		t.Error("the connection is not cut")
	}
}

// requireProblem fails the test unless the answer is the problem document of the code.
func requireProblem(t *testing.T, answer client.Answer, status int, code string) {
	t.Helper()
	var problem struct{ Code string }
	err := json.Unmarshal([]byte(answer.Body), &problem)
	if answer.Status != status || err != nil || problem.Code != code || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v %.300s, want %d %s", answer.Status, answer.Header, answer.Body, status, code)
	}
}

// requirePlain fails the test unless the answer is the plain text of net/http, which answers before there is a request.
func requirePlain(t *testing.T, answer client.Answer, status int) {
	t.Helper()
	if answer.Status != status || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain") || answer.Header.Get("Connection") != "close" {
		t.Errorf("got %d %v %.300s, want %d in plain text", answer.Status, answer.Header, answer.Body, status)
	}
}

// startCommand starts a command-service of the test's own, alone.
func startCommand(t *testing.T, cfg stack.Config) *stack.Stack {
	t.Helper()
	s := stack.Prepare(t, cfg)
	s.StartCommand(t)
	s.AwaitReady(t)
	return s
}

// requireServed fails the test unless the path is answered with 200, to somebody else.
func requireServed(t *testing.T, service *client.Service, method, path string) {
	t.Helper()
	answer, err := service.Do(t.Context(), method, path)
	if err == nil {
		err = answer.Want(http.StatusOK)
	}
	if err != nil {
		t.Errorf("others are not served: %v", err)
	}
}

// awaitMetric waits until the metric has the value.
func awaitMetric(t *testing.T, p *process.Process, want float64, name string, labels ...string) {
	t.Helper()
	await.Until(t, func(ctx context.Context) error {
		got, _, err := p.Metric(ctx, name, labels...)
		if err == nil && got != want {
			err = fmt.Errorf("%s is %v, want %v", name, got, want)
		}
		return err
	})
}
