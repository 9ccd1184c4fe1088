package park

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

// parked is a connection whose request waits.
type parked struct {
	lot     *Lot
	conn    net.Conn
	request *http.Request
	gone    context.CancelFunc // ends the context of the request
	spot    *Spot
	first   []byte // that the client sent behind its request
	byte    [1]byte
	last    bool // nothing follows on the connection

	mu    sync.Mutex
	awake bool // its wait is over
	given bool // the connection is the HTTP server's again
}

// run waits, has the request answered, and gives the connection back.
func (p *parked) run() {
	defer p.gone()
	defer p.lot.leave(p)
	p.wait()
	answered := make(chan []byte)
	go func() { answered <- p.answer() }() // on a stack that is gone afterwards, while this one is to stay small
	if !p.send(<-answered) || !p.another() {
		_ = p.conn.Close()
		return
	}
	p.lot.give(p.conn, p.first)
}

// wait returns when there is something to answer. Reading is how it learns that the client left; a deadline ends the
// reading. A client that sends its next request before it has this answer is answered with what is known.
func (p *parked) wait() {
	p.mu.Lock()
	if !p.awake {
		_ = p.conn.SetReadDeadline(p.spot.until)
	}
	p.mu.Unlock()
	p.spot.sitting.OnSettled(p.wake)
	if len(p.first) > 0 {
		return
	}
	if err := p.read(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.gone()
	}
}

// wake ends the wait, whether or not it has begun.
func (p *parked) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awake = true
	if !p.given {
		_ = p.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// read reads one byte.
func (p *parked) read() error {
	n, err := p.conn.Read(p.byte[:])
	p.first = append(p.first, p.byte[:n]...)
	return err
}

// answer has the request answered, and returns the bytes to send, nil where there is nobody to send them to.
func (p *parked) answer() []byte {
	defer p.spot.sitting.Leave()
	w := &answer{header: http.Header{}}
	if !p.serve(w) || p.request.Context().Err() != nil {
		return nil
	}
	p.last = p.request.Close || w.header.Get("Connection") == "close"
	if p.last {
		w.header.Set("Connection", "close")
	}
	return w.bytes(p.request.Method == http.MethodHead)
}

// serve gives the request to the router. A panic ends the connection, as in an HTTP server; the router logs those that are
// not meant to.
func (p *parked) serve(w http.ResponseWriter) (ok bool) {
	defer func() { ok = recover() == nil }()
	p.lot.next.ServeHTTP(w, p.request)
	return true
}

// send sends an answer, and reports whether the connection can be used further.
func (p *parked) send(answer []byte) bool {
	if answer == nil {
		return false
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(web.WriteAnswer))
	_, err := p.conn.Write(answer)
	return err == nil && !p.last
}

// another waits for the client's next request, as cheaply as for the answer, and reports whether one came.
func (p *parked) another() bool {
	p.request, p.spot = nil, nil
	p.lot.mu.Lock()
	if !p.lot.stopping {
		_ = p.conn.SetReadDeadline(time.Now().Add(web.Idle))
	}
	p.lot.mu.Unlock()
	if len(p.first) == 0 && p.read() != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.given = true
	return p.conn.SetDeadline(time.Time{}) == nil
}

// answer is the ResponseWriter of a request that comes again.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(body []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(body)
}

// bytes returns the answer as it is sent (RFC 9112), its body only where there may be one.
func (a *answer) bytes(head bool) []byte {
	a.WriteHeader(http.StatusOK)
	empty := a.status == http.StatusNoContent || a.status == http.StatusNotModified || head && a.body.Len() == 0
	if !empty {
		a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	a.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var whole bytes.Buffer
	fmt.Fprintf(&whole, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	_ = a.header.Write(&whole) // a buffer takes everything
	whole.WriteString("\r\n")
	if !empty && !head {
		whole.Write(a.body.Bytes())
	}
	return whole.Bytes()
}
