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

// server is a contestant with a process, or why it has none.
type server struct {
	name, note string
	process    *rig.Process
	err        error
}

// Ingest measures POST → acknowledged, one record for each request.
func Ingest(ctx context.Context, r *rig.Rig, o Options) ([]contest.Table, error) {
	servers, err := o.ingestServers(ctx, r)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, s := range servers {
			if s.process != nil {
				_ = r.Forget(s.process)
			}
		}
	}()
	var contests []contest.Contest
	for _, connections := range o.connections() {
		c := contest.Contest{
			ID: fmt.Sprintf("ingest-%d", connections), Baseline: "tutorial", Target: connections == 64,
			Title: fmt.Sprintf("POST → acknowledged, closed loop, %d connections", connections),
		}
		o, among := o, servers
		if !c.Target { // with other numbers of connections only the most telling ones
			o, among = o.minor(), servers[:2+len(o.revisions())]
		}
		for _, s := range among {
			c.Contestants = append(c.Contestants, s.contestant(o.closed(r, s.process, connections, post)))
		}
		contests = append(contests, c)
	}
	for _, rate := range o.ingestRates() {
		c := contest.Contest{
			ID:    fmt.Sprintf("ingest-open-%.0f", rate),
			Title: fmt.Sprintf("POST → acknowledged, open loop, %.0f requests a second", rate),
		}
		for _, s := range servers[:1+len(o.revisions())] {
			c.Contestants = append(c.Contestants, s.contestant(o.minor().open(r, s.process, rate, post)))
		}
		contests = append(contests, c)
	}
	return o.runAll(ctx, contests...)
}

// contestant returns the server with its turn, or with its failure to start.
func (s server) contestant(turn func(context.Context) (contest.Sample, error)) contest.Contestant {
	if s.err != nil {
		turn = failing(s.err)
	}
	return contest.Contestant{Name: s.name, Note: s.note, Run: turn}
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

// ingestServers starts everyone, the most telling first. Who has nothing to do takes no CPU, and who does not start drops
// out.
func (o Options) ingestServers(ctx context.Context, r *rig.Rig) ([]server, error) {
	broker, err := r.Broker(ctx)
	if err != nil {
		return nil, err
	}
	var servers []server
	add := func(name, note string, start func(topic string) (*rig.Process, error)) error {
		topic, err := r.Topic(ctx, "ingest", partitions)
		if err != nil {
			return err
		}
		process, err := start(topic)
		servers = append(servers, server{name, note, process, err})
		return ctx.Err()
	}
	for _, revision := range o.revisions() {
		err := add(called("command-service", revision), "as shipped: acknowledged by all, idempotent, log and metrics on", func(topic string) (*rig.Process, error) {
			return r.ServiceAt(ctx, revision, "command-service", "KAFKA_BROKER="+broker, "KAFKA_PUBLISH_TOPIC="+topic)
		})
		if err != nil {
			return servers, err
		}
	}
	for _, p := range []struct {
		name, note, peer string
		kafka            bool
		args             []string
	}{
		{"tutorial", "echo and sarama's SyncProducer with its defaults: acknowledged by the leader, not idempotent", "tutorial", true, nil},
		{"HTTP ceiling", "echo that answers at once", "http", false, nil},
		{"router ceiling", "our router with log and metrics that answers at once", "router", false, nil},
		{"tutorial, all", "the same as tutorial, idempotent and acknowledged by all", "tutorial", true, []string{"--all"}},
		{"Watermill", "echo and Watermill's Kafka publisher", "watermill", true, nil},
	} {
		err := add(p.name, p.note, func(topic string) (*rig.Process, error) {
			args := p.args
			if p.kafka {
				args = append([]string{"--broker", broker, "--topic", topic}, args...)
			}
			return r.Peer(ctx, p.peer, args...)
		})
		if err != nil {
			return servers, err
		}
	}
	if !o.Peers {
		return servers, nil
	}
	camel := "Apache Camel " + rig.CamelVersion + ", a route from HTTP to Kafka: acknowledged by all, idempotent"
	if err := add("Camel", camel, func(topic string) (*rig.Process, error) { return r.Camel(ctx, topic) }); err != nil {
		return servers, err
	}
	python := "Python: aiohttp " + rig.AiohttpVersion + " and aiokafka " + rig.AiokafkaVersion + ": acknowledged by all, idempotent"
	err = add("aiohttp", python, func(topic string) (*rig.Process, error) { return r.Aiohttp(ctx, topic) })
	return servers, err
}
