package park

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/shared/web"
)

// Lot is a handler in front of the router, and the listener of the HTTP server that connections are given back to.
type Lot struct {
	next http.Handler

	again  chan net.Conn // given back
	gate   chan struct{} // holds a token for each connection that was given back a moment ago
	shut   chan struct{} // closed when nobody accepts any more
	closed sync.Once

	mu       sync.Mutex
	parked   map[*parked]struct{}
	stopping bool
	all      sync.WaitGroup
}

// New returns a lot in front of the handler.
func New(next http.Handler) *Lot {
	return &Lot{
		next: next, again: make(chan net.Conn), shut: make(chan struct{}), parked: map[*parked]struct{}{},
		gate: make(chan struct{}, together),
	}
}

// Thousands are woken together, and ask again together: those that have to queue do so as cheaply as they wait. A
// connection that was given back lets the next one through when its request is answered or parked, or after a moment: its
// client may be slow to send the rest.
const (
	together = 128
	moment   = 50 * time.Millisecond
)

// Run is the part that has everybody who is parked answered when ctx ends. It must stop before the HTTP server of the lot,
// and after what is waited for says that waiting is over.
func (l *Lot) Run(ctx context.Context) error {
	<-ctx.Done()
	l.mu.Lock()
	l.stopping = true
	for p := range l.parked {
		p.wake()
	}
	l.mu.Unlock()
	l.all.Wait()
	return nil
}

// Accept returns a connection that is given back.
func (l *Lot) Accept() (net.Conn, error) {
	select {
	case conn := <-l.again:
		return conn, nil
	case <-l.shut:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *Lot) Close() error {
	l.closed.Do(func() { close(l.shut) })
	return nil
}

// Addr returns a name, since nobody can connect to it.
func (l *Lot) Addr() net.Addr { return address{} }

type address struct{}

func (address) Network() string { return "parked" }
func (address) String() string  { return "parked connections" }

// ServeHTTP gives the request to the router, and parks it where that says so.
func (l *Lot) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !mayWait(request) {
		l.next.ServeHTTP(w, request)
		return
	}
	came, spot := time.Now(), &Spot{}
	within := func(ctx context.Context) *http.Request {
		return request.WithContext(web.Again(context.WithValue(ctx, spotKey{}, spot), came))
	}
	l.next.ServeHTTP(w, within(request.Context()))
	if spot.sitting == nil {
		return
	}
	if l.enter() {
		if l.park(w, within, spot) {
			return
		}
		l.all.Done()
	}
	defer spot.sitting.Leave()
	l.next.ServeHTTP(w, within(request.Context()))
}

// mayWait reports whether the request may wait and park. What waits by other words still waits in its handler.
func mayWait(request *http.Request) bool {
	return (strings.Contains(request.URL.RawQuery, "wait") || request.Header["Prefer"] != nil) &&
		request.ProtoMajor == 1 && request.ProtoMinor == 1 && request.Body == http.NoBody
}

// enter reports whether one more may park.
func (l *Lot) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.stopping {
		l.all.Add(1)
	}
	return !l.stopping
}

// park takes the connection from its server and waits beside it. It reports whether it could.
func (l *Lot) park(w http.ResponseWriter, within func(context.Context) *http.Request, spot *Spot) bool {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	ctx, gone := context.WithCancel(context.Background())
	p := &parked{lot: l, conn: conn, request: within(ctx), gone: gone, spot: spot}
	if was, ours := conn.(*given); ours {
		was.pass()
		if len(was.first) == 0 {
			p.conn = was.Conn
		}
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		first, _ := buffered.Reader.Peek(n)
		p.first = bytes.Clone(first)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parked[p] = struct{}{}
	if l.stopping {
		p.wake()
	}
	go p.run()
	return true
}

// leave is called once for each that entered and parked.
func (l *Lot) leave(p *parked) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.parked, p)
	l.all.Done()
}

// give gives a connection back to the HTTP server, which reads the bytes first.
func (l *Lot) give(conn net.Conn, first []byte) {
	select {
	case l.gate <- struct{}{}:
	case <-l.shut:
		_ = conn.Close()
		return
	}
	g := &given{Conn: conn, first: first, pass: sync.OnceFunc(func() { <-l.gate })}
	time.AfterFunc(moment, g.pass)
	select {
	case l.again <- g:
	case <-l.shut:
		_ = conn.Close()
	}
}

// given is a connection of which something was read already.
type given struct {
	net.Conn
	first []byte
	pass  func() // lets the next one through the gate
}

func (g *given) Read(into []byte) (int, error) {
	if len(g.first) == 0 {
		return g.Conn.Read(into)
	}
	n := copy(into, g.first)
	g.first = g.first[n:]
	return n, nil
}

func (g *given) Write(answer []byte) (int, error) {
	g.pass()
	return g.Conn.Write(answer)
}
