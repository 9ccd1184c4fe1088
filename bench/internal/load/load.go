// Package load sends HTTP requests over a fixed number of connections and measures how long each takes.
//
// In a closed loop each connection sends its next request when it has the answer to the last one: that shows how much a
// server can do. In an open loop requests are due at fixed times whatever became of those before, and a request's time
// counts from when it was due: a server that stands still for a second is charged with all that was due in it (no
// coordinated omission).
package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/valyala/fasthttp"
)

// Patience is how long an answer may take.
const Patience = time.Minute

// A Caller is one connection. Its methods are called by one goroutine at a time.
type Caller struct {
	Number   int
	Request  *fasthttp.Request
	Response *fasthttp.Response

	client  *fasthttp.HostClient
	latency *hdrhistogram.Histogram
	errors  int
	first   error // of the errors
}

// Do sends Request and reads Response.
func (c *Caller) Do() error { return c.client.Do(c.Request, c.Response) }

// A Call sends the request or requests that are measured as one. n counts the calls of all callers.
type Call func(c *Caller, n uint64) error

// A Crowd is a number of callers with their connections, which stay open from one run to the next.
type Crowd struct {
	callers []*Caller
	n       atomic.Uint64
}

// NewCrowd returns callers of the server at the address, host:port.
func NewCrowd(address string, connections int) *Crowd {
	crowd := &Crowd{callers: make([]*Caller, connections)}
	for i := range crowd.callers {
		crowd.callers[i] = &Caller{
			Number: i, Request: fasthttp.AcquireRequest(), Response: fasthttp.AcquireResponse(),
			client: &fasthttp.HostClient{
				Addr: address, MaxConns: 1, ReadTimeout: Patience, WriteTimeout: Patience, MaxIdemponentCallAttempts: 1,
				NoDefaultUserAgentHeader: true,
			},
		}
	}
	return crowd
}

// Caller returns one of the callers, for calls beside those that are measured.
func (c *Crowd) Caller(i int) *Caller { return c.callers[i] }

// Close closes the connections.
func (c *Crowd) Close() {
	for _, caller := range c.callers {
		caller.client.CloseIdleConnections()
	}
}

// Result is what a run showed.
type Result struct {
	Calls   int // with an answer as it should be
	Errors  int
	First   error // the first of the errors of one caller
	Elapsed time.Duration
	Latency *hdrhistogram.Histogram // microseconds, of the calls without an error
}

// Rate returns the calls per second.
func (r Result) Rate() float64 { return float64(r.Calls) / r.Elapsed.Seconds() }

// Quantile returns the latency in milliseconds below which that percentage of calls stayed.
func (r Result) Quantile(percent float64) float64 {
	return float64(r.Latency.ValueAtQuantile(percent)) / 1000
}

// Closed calls as fast as answers come, for that long.
func (c *Crowd) Closed(ctx context.Context, lasts time.Duration, call Call) (Result, error) {
	end := time.Now().Add(lasts)
	return c.run(ctx, func(caller *Caller) {
		for {
			began := time.Now()
			if !began.Before(end) || ctx.Err() != nil {
				return
			}
			caller.measure(began, call, c.n.Add(1))
		}
	})
}

// Open makes that many calls per second for that long. A call that finds all connections busy waits for one, and the wait
// is part of its time.
func (c *Crowd) Open(ctx context.Context, lasts time.Duration, perSecond float64, call Call) (Result, error) {
	began := time.Now()
	total := int64(lasts.Seconds() * perSecond)
	var next atomic.Int64
	return c.run(ctx, func(caller *Caller) {
		for {
			i := next.Add(1) - 1
			if i >= total || ctx.Err() != nil {
				return
			}
			due := began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
			time.Sleep(time.Until(due))
			caller.measure(due, call, c.n.Add(1))
		}
	})
}

func (c *Crowd) run(ctx context.Context, work func(*Caller)) (Result, error) {
	began := time.Now()
	var working sync.WaitGroup
	for _, caller := range c.callers {
		caller.reset()
		working.Go(func() { work(caller) })
	}
	working.Wait()
	result := Result{Elapsed: time.Since(began), Latency: newHistogram()}
	for _, caller := range c.callers {
		result.Latency.Merge(caller.latency)
		result.Errors += caller.errors
		if result.First == nil {
			result.First = caller.first
		}
	}
	result.Calls = int(result.Latency.TotalCount())
	if err := ctx.Err(); err != nil {
		return result, err
	}
	if result.Calls == 0 {
		return result, fmt.Errorf("no call succeeded, the first error was: %w", result.First)
	}
	return result, nil
}

func (c *Caller) reset() { c.latency, c.errors, c.first = newHistogram(), 0, nil }

// measure makes one call, whose time counts from the given instant.
func (c *Caller) measure(from time.Time, call Call, n uint64) {
	err := call(c, n)
	took := time.Since(from)
	if err != nil {
		c.errors++
		if c.first == nil {
			c.first = err
		}
		return
	}
	if err := c.latency.RecordValue(max(1, took.Microseconds())); err != nil {
		c.errors++
		c.first = err
	}
}

// newHistogram holds microseconds up to twice the patience, to three digits.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, (2 * Patience).Microseconds(), 3)
}

// Want returns an error unless the response has the status.
func Want(r *fasthttp.Response, status int) error {
	if r.StatusCode() != status {
		return fmt.Errorf("status %d, want %d: %.200s", r.StatusCode(), status, r.Body())
	}
	return nil
}
