package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

// pipes is a listener whose connections are in memory, so that they know no other clock than that of a bubble.
type pipes struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accepted:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func TestServer_CutsWhoeverIsTooSlow(t *testing.T) {
	t.Parallel()
	const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, test := range map[string]struct {
		send string
		read bool // whether the client reads
		want time.Duration
	}{
		"says nothing":             {"", true, 5 * time.Second},
		"stops in the headers":     {"GET / HTTP/1.1\r\nHost:", true, 5 * time.Second},
		"stops in the body":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx", true, 15 * time.Second},
		"stops in a chunk":         {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx", true, 15 * time.Second},
		"asks no more":             {request, true, 75 * time.Second},
		"does not read the answer": {request, false, 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				listener := &pipes{make(chan net.Conn), make(chan struct{})}
				handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						w.Header().Set("Connection", "close")
					}
					_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
				})
				ctx, cancel := context.WithCancel(t.Context())
				stopped := make(chan error, 1)
				go func() { stopped <- web.Server("http", slog.New(slog.DiscardHandler), listener, handler).Run(ctx) }()
				ours, theirs := net.Pipe()
				watched := &watched{Conn: theirs, closed: make(chan time.Time, 1)}
				listener.accepted <- watched
				began := time.Now()
				go func() { _, _ = io.WriteString(ours, test.send) }()
				if test.read {
					go func() { _, _ = io.Copy(io.Discard, ours) }()
				}
				// After an answer that ends the connection, net/http waits a moment for the client to take it.
				if took := (<-watched.closed).Sub(began); took < test.want || took > test.want+time.Second {
					t.Errorf("cut after %s, want %s", took, test.want)
				}
				_ = ours.Close()
				cancel()
				if err := <-stopped; err != nil && !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			})
		})
	}
}

// watched is a connection that says when the server closes it.
type watched struct {
	net.Conn
	closed chan time.Time
}

func (w *watched) Close() error {
	select {
	case w.closed <- time.Now():
	default:
	}
	return w.Conn.Close()
}
