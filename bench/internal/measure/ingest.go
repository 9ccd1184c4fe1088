package measure

import (
	"context"
	"fmt"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// post sends a command and wants its ticket.
func post(c *load.Caller, _ uint64) error {
	c.Request.SetRequestURI("http://command/api/v1/timestamp")
	c.Request.Header.SetMethod("POST")
	if err := c.Do(); err != nil {
		return err
	}
	return load.Want(c.Response, 200)
}

// server is a contestant of ingest: who it is and its process.
type server struct {
	name, note string
	process    *rig.Process
}

// Ingest measures POST → acknowledged, one record for each request.
func Ingest(ctx context.Context, r *rig.Rig, o Options) ([]contest.Table, error) {
	servers, err := o.ingestServers(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range servers {
			_ = r.Forget(s.process)
		}
	}()
	var contests []contest.Contest
	for _, connections := range o.connections() {
		c := contest.Contest{
			ID: fmt.Sprintf("ingest-%d", connections), Baseline: "tutorial",
			Title: fmt.Sprintf("POST → acknowledged, closed loop, %d connections", connections),
		}
		for i, s := range servers {
			if connections == 64 || i < 2+len(o.revisions()) { // with other numbers of connections only the most telling ones
				c.Contestants = append(c.Contestants, contest.Contestant{Name: s.name, Note: s.note, Run: o.closed(r, s.process, connections, post)})
			}
		}
		contests = append(contests, c)
	}
	for _, rate := range o.ingestRates() {
		c := contest.Contest{
			ID:    fmt.Sprintf("ingest-open-%.0f", rate),
			Title: fmt.Sprintf("POST → acknowledged, open loop, %.0f requests a second", rate),
		}
		for _, s := range servers[:1+len(o.revisions())] {
			c.Contestants = append(c.Contestants, contest.Contestant{Name: s.name, Note: s.note, Run: o.open(r, s.process, rate, post)})
		}
		contests = append(contests, c)
	}
	return o.runAll(ctx, contests...)
}

func (o Options) connections() []int {
	if o.Quick {
		return []int{64}
	}
	return []int{1, 16, 64, 256}
}

func (o Options) ingestRates() []float64 {
	if o.Quick {
		return []float64{500}
	}
	return []float64{1000, 5000, 10000}
}

// ingestServers starts everyone, the most telling first. Who has nothing to do takes no CPU.
func (o Options) ingestServers(ctx context.Context, r *rig.Rig) ([]server, error) {
	broker, err := r.Broker(ctx)
	if err != nil {
		return nil, err
	}
	var servers []server
	topic := func() (string, error) { return r.Topic(ctx, "ingest", partitions) }
	for _, revision := range o.revisions() {
		name, err := topic()
		if err != nil {
			return servers, err
		}
		process, err := r.ServiceAt(ctx, revision, "command-service", "KAFKA_BROKER="+broker, "KAFKA_PUBLISH_TOPIC="+name)
		if err != nil {
			return servers, err
		}
		servers = append(servers, server{called("command-service", revision), "as shipped: acknowledged by all, idempotent, log and metrics on", process})
	}
	for _, p := range []struct {
		name, note, peer string
		kafka            bool
		args             []string
	}{
		{"tutorial", "echo and sarama's SyncProducer with its defaults: acknowledged by the leader, not idempotent", "tutorial", true, nil},
		{"HTTP ceiling", "echo that answers at once", "http", false, nil},
		{"router ceiling", "our router with log and metrics that answers at once", "router", false, nil},
		{"tutorial, all", "the same, idempotent and acknowledged by all", "tutorial", true, []string{"--all"}},
		{"Watermill", "echo and Watermill's Kafka publisher", "watermill", true, nil},
	} {
		args := p.args
		if p.kafka {
			name, err := topic()
			if err != nil {
				return servers, err
			}
			args = append([]string{"--broker", broker, "--topic", name}, args...)
		}
		process, err := r.Peer(ctx, p.peer, args...)
		if err != nil {
			return servers, err
		}
		servers = append(servers, server{p.name, p.note, process})
	}
	return servers, nil
}
