package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
)

// lookAgain is how long dev waits before it asks a service again whether it is ready.
const lookAgain = 50 * time.Millisecond

// accompany tells when everything is ready, and when it stops.
func (s *stack) accompany(ctx context.Context, p *show.Printer, j *journals) error {
	// Before anything is ready: what is not, is looked into with the tools that need this.
	if err := s.writeEnv(); err != nil {
		return err
	}
	if err := s.awaitReady(ctx, p); err != nil {
		return err
	}
	if ctx.Err() == nil {
		j.started.Store(true)
		if err := p.Result(s.summary(), s.page); err != nil {
			return err
		}
	}
	<-ctx.Done()
	p.Say("stopping the services, then PostgreSQL, then the broker (Ctrl-C exits at once)")
	return nil
}

// awaitReady waits until each service says that it is ready, and tells what it waits for if that takes long.
func (s *stack) awaitReady(ctx context.Context, p *show.Printer) error {
	for _, service := range []struct{ name, url string }{
		{"command-service", s.commandURL}, {"consumer-service", s.consumerURL}, {"query-service", s.queryURL},
	} {
		if err := s.awaitOne(ctx, p, service.name, client.New(target.Target{Value: service.url})); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) awaitOne(ctx context.Context, p *show.Printer, name string, c *client.Client) error {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	tell := time.NewTimer(patience)
	defer tell.Stop()
	reason := "no answer yet"
	for {
		ready, err := c.Ready(ctx)
		if _, away := errors.AsType[*client.Unreachable](err); err != nil && !away {
			return err
		}
		if err == nil && ready.Ready {
			return nil
		}
		if err == nil {
			reason = reasons(ready)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tell.C:
			p.Say("  still waiting for %s: %s", name, reason)
			tell.Reset(reminder)
		case <-again.C:
		}
	}
}

// reasons says why a service is not ready.
func reasons(r client.Readiness) string {
	var failing []string
	for _, check := range r.Checks {
		if !check.OK {
			failing = append(failing, check.Name+": "+check.Detail)
		}
	}
	return strings.Join(failing, "; ")
}

// summary is what a program learns of the stack; secrets are in the file env only.
type summary struct {
	Status      string   `json:"status"`
	PID         int      `json:"pid"`
	CommandURL  string   `json:"command_url"`
	QueryURL    string   `json:"query_url"`
	ConsumerURL string   `json:"consumer_url"`
	GRPCAddress string   `json:"grpc_address"`
	MetricsURLs []string `json:"metrics_urls"`
	KafkaBroker string   `json:"kafka_broker"`
	Database    string   `json:"database"`
	Data        string   `json:"data"`
	Env         string   `json:"env"`
}

func (s *stack) summary() summary {
	return summary{
		Status: "ready", PID: os.Getpid(), CommandURL: s.commandURL, QueryURL: s.queryURL, ConsumerURL: s.consumerURL, GRPCAddress: s.listeners.grpc.Addr().String(),
		MetricsURLs: s.metricsURLs, KafkaBroker: s.broker, Database: fmt.Sprintf("%s:%d/%s", loopback, s.pg.Port(), database),
		Data: s.home.dir, Env: s.home.env(),
	}
}

func (s *stack) page(page *show.Page) {
	queries := s.queryURL
	for _, extra := range s.listeners.queryExtra {
		queries += fmt.Sprintf(", also port %d", port(extra))
	}
	page.Line(show.Cell{Text: "counterfoil is ready", Tone: show.Good})
	page.Line()
	page.Fields(
		show.Field{Name: "  command-service", Value: show.Text(s.commandURL)},
		show.Field{Name: "  query-service", Value: show.Text(queries)},
		show.Field{Name: "  gRPC", Value: show.Text(s.listeners.grpc.Addr().String())},
		show.Field{Name: "  consumer-service", Value: show.Text(s.consumerURL)},
		show.Field{Name: "  metrics", Value: show.Text(strings.Join(s.metricsURLs, " "))},
		show.Field{Name: "  broker", Value: show.Text(s.broker)},
		show.Field{Name: "  PostgreSQL", Value: show.Text(fmt.Sprintf("%s:%d, database %s; URL with password in %s", loopback, s.pg.Port(), database, s.home.env()))},
		show.Field{Name: "  logs", Value: show.Text(s.home.logs())},
	)
	page.Line()
	page.Line(show.Text("Send a command and read what became of it:"))
	page.Line()
	page.Line(show.Text(fmt.Sprintf(`  ID=$(curl -sS -X POST %s/api/v1/timestamp/2009-09-28T19:03:12Z | cut -d '"' -f 4)`, s.commandURL)))
	page.Line(show.Text(fmt.Sprintf(`  curl -sS "%s/api/v1/timestamp/$ID?wait=5s"`, s.queryURL)))
	page.Line()
	page.Line(show.Text("Ctrl-C stops it and keeps everything; --fresh begins anew."))
}
