package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// A Proxy stands before a server and spoils the connections to it.
type Proxy struct {
	Port int // where it listens

	t      testing.TB
	proxy  *toxiproxy.Proxy
	toxics int
}

// newProxy starts a proxy on the port, which leads to where upstream is.
func newProxy(t testing.TB, name string, port, upstream int) *Proxy {
	t.Helper()
	at := func(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{Port: port, t: t, proxy: toxiproxy.NewProxy(server, name, at(port), at(upstream))}
	p.Up()
	t.Cleanup(p.Down)
	return p
}

// Down ends all connections and refuses new ones.
func (p *Proxy) Down() { p.proxy.Stop() }

// Up takes connections again.
func (p *Proxy) Up() {
	p.t.Helper()
	if err := p.proxy.Start(); err != nil && err != toxiproxy.ErrProxyAlreadyStarted {
		p.t.Fatalf("proxy: %v", err)
	}
}

// A Toxic is what is done to connections.
type Toxic struct {
	Kind       string         // as toxiproxy calls it: latency, reset_peer, timeout, limit_data, slicer, bandwidth
	Upstream   bool           // to what clients send; else to what they receive
	Share      float64        // of the connections
	Attributes map[string]any // as toxiproxy has them
}

// Spoil has the toxic act on connections, those that are there included.
func (p *Proxy) Spoil(toxic Toxic) {
	p.t.Helper()
	p.toxics++
	stream := "downstream"
	if toxic.Upstream {
		stream = "upstream"
	}
	document, err := json.Marshal(map[string]any{
		"name": fmt.Sprint("toxic", p.toxics), "type": toxic.Kind, "stream": stream, "toxicity": toxic.Share, "attributes": toxic.Attributes,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.proxy.Toxics.AddToxicJson(strings.NewReader(string(document))); err != nil {
		p.t.Fatalf("toxic %s: %v", document, err)
	}
}

// Clean ends all toxics, and the connections that they acted on, which may hang otherwise.
func (p *Proxy) Clean() {
	if p.toxics == 0 {
		return
	}
	p.toxics = 0
	p.Down()
	p.proxy.Toxics.ResetToxics(context.Background())
}
