// Package load is a client of the services that keeps a ledger of what it asked for and what it was told, and readers that
// write down what they saw.
//
// It keeps on asking whatever the services do. Commands come at a steady rate, as far as the services answer in time; a
// share of them has an Idempotency-Key, and most of those are repeated when their outcome is unknown, some even when it
// is known.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

// Config says where the services are and how much to ask of them.
type Config struct {
	Command, Query func() string // the services' URLs now
	Ledger         *ledger.Ledger
	Name           string // no other ledger of the same topic has the same
	Seed           uint64
	Rate           int // commands a second
	Readers        int // each asks some 20 times a second
}

// The shares of commands, in percent.
const (
	keyed           = 60 // have an Idempotency-Key
	repeatedOpen    = 75 // of those: are repeated when nobody knows what became of them
	repeatedKept    = 4  // of those: are repeated although they are acknowledged
	writers         = 32 // requests at the same time
	commandPatience = 12 * time.Second
	queryPatience   = 15 * time.Second
)

// A Client asks until it is paused.
type Client struct {
	cfg            Config
	command, query *http.Client

	mu           sync.Mutex
	random       *rand.Rand
	commands     int64
	attempts     int64
	repeats      []repeat
	tickets      []ticket // the latest
	observations []check.Observation
	err          error

	acknowledged, unknown, refused, broken atomic.Int64
	progress                               Progress

	stop    context.CancelFunc
	running sync.WaitGroup
}

// repeat is an attempt that is to be made again.
type repeat struct {
	due     time.Time
	attempt ledger.Attempt
}

// ticket is what readers ask about.
type ticket struct{ id, position string }

// remembered is how many of the latest tickets readers ask about.
const remembered = 3000

// New returns a client that Start sets going.
func New(cfg Config) *Client {
	limits := func(patience time.Duration) *http.Client {
		// One connection a request: net/http repeats a request with an Idempotency-Key by itself when a connection that it used
		// before breaks, and then the ledger would not know of the first one.
		return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	}
	return &Client{
		cfg: cfg, command: limits(commandPatience), query: limits(queryPatience),
		random: rand.New(rand.NewPCG(cfg.Seed, 1)),
	}
}

// Start begins to ask.
func (c *Client) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.progress.begin()
	tokens := make(chan struct{})
	c.running.Go(func() {
		defer close(tokens)
		pace := time.NewTicker(time.Second / time.Duration(c.cfg.Rate))
		defer pace.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-pace.C:
			}
			select {
			case tokens <- struct{}{}:
			default: // all writers wait for answers
			}
		}
	})
	for range writers {
		c.running.Go(func() {
			for range tokens {
				c.write()
			}
		})
	}
	for n := range c.cfg.Readers {
		c.running.Go(func() { c.read(ctx, n) })
	}
}

// Pause ends the asking, waits for what is under way, and returns what went wrong with the ledger.
func (c *Client) Pause() error {
	c.progress.end()
	c.stop()
	c.running.Wait()
	c.command.CloseIdleConnections()
	c.query.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Counts returns how many attempts were answered so far, and how.
func (c *Client) Counts() string {
	return fmt.Sprintf("acknowledged %d, unknown %d, refused %d, broken %d",
		c.acknowledged.Load(), c.unknown.Load(), c.refused.Load(), c.broken.Load())
}

// Acknowledged returns how many attempts were acknowledged so far.
func (c *Client) Acknowledged() int64 { return c.acknowledged.Load() }

// Longest returns the longest time without an acknowledgement while commands were asked for, and begins anew.
func (c *Client) Longest() time.Duration { return c.progress.Longest() }

// Observations returns what readers saw so far.
func (c *Client) Observations() []check.Observation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.observations[:len(c.observations):len(c.observations)]
}

func (c *Client) observe(o check.Observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observations = append(c.observations, o)
}

func (c *Client) chance(percent int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(100) < percent
}

func (c *Client) pick(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}
