package wait

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Lobby bounds how many requests wait in all rooms together, and ends their waits at shutdown.
type Lobby struct {
	limit   int
	closing chan struct{}
	moment  time.Duration
	near    chan struct{} // holds a token for each who waits for a moment only

	mu      sync.Mutex
	waiting int
	closed  bool

	metrics metrics
}

// metrics are those of all rooms, by the question that is waited for.
type metrics struct {
	ends    *prometheus.CounterVec
	rounds  *prometheus.CounterVec
	lookups *prometheus.CounterVec
	queries *prometheus.CounterVec
	wake    *prometheus.HistogramVec
}

// The ways in which a wait ends, as the metrics name them.
const (
	endSettled = "settled"
	endTime    = "time"
	endClosing = "closing"
	endGone    = "gone"
	endFailed  = "failed"
	endRefused = "refused"
)

// nearby is how many may wait for a moment. More than these are a crowd, which had better take little room.
const nearby = 256

// NewLobby returns a lobby for at most limit waiting requests, whose Soon lasts a moment.
func NewLobby(limit int, moment time.Duration, registry prometheus.Registerer) *Lobby {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, append([]string{"question"}, labels...))
		registry.MustRegister(c)
		return c
	}
	l := &Lobby{limit: limit, moment: moment, closing: make(chan struct{}), near: make(chan struct{}, nearby), metrics: metrics{
		ends: counter("counterfoil_long_polls_total",
			"Long polls that ended, by how: settled, time (nothing in time), closing (shutdown), gone (the client left), failed, refused (too many).", "end"),
		rounds:  counter("counterfoil_long_poll_rounds_total", "Queries that looked for all waiting requests at once."),
		lookups: counter("counterfoil_lookups_total", "Look-ups that were asked for."),
		queries: counter("counterfoil_lookup_queries_total", "Queries that answered look-ups; one answers all that came meanwhile."),
		wake: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_long_poll_wake_seconds", Help: "Seconds from a notification to the answers that it led to.", Buckets: telemetry.Latency,
		}, []string{"question"}),
	}}
	registry.MustRegister(l.metrics.wake, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "counterfoil_long_polls_waiting", Help: "Long polls that are waiting now.",
	}, func() float64 { return float64(l.Waiting()) }))
	return l
}

// Waiting returns how many requests wait now.
func (l *Lobby) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting
}

// Run is the part that ends all waits, those to come included, when ctx ends. It stops before the HTTP servers do, so
// that they need not outlast the longest wait.
func (l *Lobby) Run(ctx context.Context) error {
	<-ctx.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	return nil
}

// Closing reports whether waits are over because the process is stopping.
func (l *Lobby) Closing() bool {
	select {
	case <-l.closing:
		return true
	default:
		return false
	}
}

func (l *Lobby) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting >= l.limit {
		return fault.New(fault.CodeTooManyWaiting,
			fmt.Sprintf("%d requests are waiting already. Ask again in a moment, or without waiting.", l.limit), nil)
	}
	l.waiting++
	return nil
}

func (l *Lobby) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
}
