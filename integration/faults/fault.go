package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

// A Fault is one way to break a rig. What it does holds until Rig.Heal, or for as long as its Inject takes.
type Fault struct {
	Name   string
	Least  time.Duration // how long it holds before it is healed
	Most   time.Duration
	Inject func(r *rig.Rig, random *rand.Rand)
}

// The usual lengths.
const (
	moment = 200 * time.Millisecond
	while  = 5 * time.Second
	// Longer than the session timeout: the group gives the consumer's partitions to others.
	expired = rig.SessionTimeout + 3*time.Second
)

// Catalogue returns all faults that a sequence picks from.
func Catalogue() []Fault {
	return slices.Concat(processFaults(), crashFaults(), brokerFaults(), databaseFaults(), networkFaults(), scaleFaults())
}

func processFaults() []Fault {
	services := []struct {
		name string
		pick func(*rig.Rig, *rand.Rand) *rig.Service
	}{
		{"command-service", func(r *rig.Rig, _ *rand.Rand) *rig.Service { return r.Command }},
		{"query-service", func(r *rig.Rig, _ *rand.Rand) *rig.Service { return r.Query }},
		{"consumer-service", func(r *rig.Rig, random *rand.Rand) *rig.Service { return r.Consumer(random.IntN(8)) }},
	}
	var faults []Fault
	for _, s := range services {
		faults = append(faults,
			Fault{s.name + ": SIGKILL", moment, while, func(r *rig.Rig, random *rand.Rand) { s.pick(r, random).Kill() }},
			Fault{s.name + ": SIGTERM", moment, while, func(r *rig.Rig, random *rand.Rand) { s.pick(r, random).Stop() }},
			Fault{s.name + ": SIGSTOP, SIGCONT", moment, while, func(r *rig.Rig, random *rand.Rand) { s.pick(r, random).Freeze() }},
			Fault{s.name + ": SIGSTOP past the session, SIGCONT", expired, expired + while, func(r *rig.Rig, random *rand.Rand) {
				s.pick(r, random).Freeze()
			}},
		)
	}
	return faults
}

// crashFaults end a service at a named step, under load.
func crashFaults() []Fault {
	var faults []Fault
	for _, step := range Steps {
		if step.Underway {
			faults = append(faults, Fault{"SIGKILL at " + step.Name, moment, while, func(r *rig.Rig, random *rand.Rand) {
				s := r.Command
				if step.Service == "consumer-service" {
					s = r.Consumer(random.IntN(8))
				}
				s.Kill()
				s.Start(fmt.Sprintf("CRASH_AT=%s#%d", step.Name, 1+random.IntN(50)))
			}})
		}
	}
	return faults
}

func brokerFaults() []Fault {
	faults := []Fault{
		{"broker: SIGKILL", moment, while, func(r *rig.Rig, _ *rand.Rand) { r.Kafka.Down(); r.Broker.Kill() }},
		{"broker: SIGKILL behind a proxy", moment, while, func(r *rig.Rig, _ *rand.Rand) { r.Broker.Kill() }},
		{"broker: SIGSTOP, SIGCONT", moment, while, func(r *rig.Rig, _ *rand.Rand) { r.Broker.Freeze() }},
		{"broker: SIGSTOP past the session, SIGCONT", expired, expired + while, func(r *rig.Rig, _ *rand.Rand) { r.Broker.Freeze() }},
	}
	for _, name := range slices.Sorted(maps.Keys(rig.BrokerFaults)) {
		faults = append(faults, Fault{"broker answers " + name, moment, while, func(r *rig.Rig, _ *rand.Rand) {
			if r.Broker.Running() && !r.Broker.Frozen() {
				r.Broker.Fault(name, r.Topic)
			}
		}})
	}
	return faults
}

func databaseFaults() []Fault {
	return []Fault{
		{"postgres: stop -m immediate", moment, while, func(r *rig.Rig, _ *rand.Rand) { r.PostgresAway() }},
		{"postgres: backends terminated", moment, while, func(r *rig.Rig, random *rand.Rand) {
			for range 1 + random.IntN(5) {
				if !r.PostgresIsAway() {
					r.Terminate()
				}
				pause(time.Duration(random.IntN(300)) * time.Millisecond)
			}
		}},
		{"postgres: table locked", moment, while, unlessAway((*rig.Rig).LockTable)},
		{"postgres: read-only", moment, while, unlessAway((*rig.Rig).ReadOnly)},
		{"postgres: no connections left", moment, while, func(r *rig.Rig, random *rand.Rand) {
			if !r.PostgresIsAway() {
				r.LimitConnections(random.IntN(4))
			}
		}},
	}
}

func unlessAway(do func(*rig.Rig)) func(*rig.Rig, *rand.Rand) {
	return func(r *rig.Rig, _ *rand.Rand) {
		if !r.PostgresIsAway() {
			do(r)
		}
	}
}

func networkFaults() []Fault {
	sides := []struct {
		name string
		pick func(*rig.Rig) *rig.Proxy
	}{
		{"kafka", func(r *rig.Rig) *rig.Proxy { return r.Kafka }},
		{"postgres", func(r *rig.Rig) *rig.Proxy { return r.Postgres }},
	}
	var faults []Fault
	for _, side := range sides {
		add := func(name string, toxic func(random *rand.Rand) rig.Toxic) {
			faults = append(faults, Fault{"connections to " + side.name + ": " + name, moment, while, func(r *rig.Rig, random *rand.Rand) {
				side.pick(r).Spoil(toxic(random))
			}})
		}
		add("slow", func(random *rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "latency", Upstream: random.IntN(2) == 0, Share: 1,
				Attributes: map[string]any{"latency": 50 + random.IntN(700), "jitter": random.IntN(300)}}
		})
		add("reset", func(random *rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "reset_peer", Upstream: random.IntN(2) == 0, Share: 0.7,
				Attributes: map[string]any{"timeout": random.IntN(500)}}
		})
		add("half-open, nothing comes back", func(*rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "timeout", Share: 1, Attributes: map[string]any{"timeout": 0}}
		})
		add("half-open, nothing gets there", func(*rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "timeout", Upstream: true, Share: 1, Attributes: map[string]any{"timeout": 0}}
		})
		add("truncated", func(random *rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "limit_data", Upstream: random.IntN(2) == 0, Share: 1,
				Attributes: map[string]any{"bytes": 500 + random.IntN(20000)}}
		})
		add("in small pieces", func(random *rand.Rand) rig.Toxic {
			return rig.Toxic{Kind: "slicer", Upstream: random.IntN(2) == 0, Share: 1,
				Attributes: map[string]any{"average_size": 40, "size_variation": 20, "delay": 500}}
		})
		faults = append(faults, Fault{"connections to " + side.name + ": refused", moment, while, func(r *rig.Rig, _ *rand.Rand) {
			side.pick(r).Down()
		}})
	}
	return faults
}

// mostConsumers is how many consumers a sequence scales out to.
const mostConsumers = 3

func scaleFaults() []Fault {
	return []Fault{
		{"one consumer more", moment, while, func(r *rig.Rig, _ *rand.Rand) {
			if len(r.Consumers) < mostConsumers {
				r.AddConsumer()
			}
		}},
		{"one consumer fewer", moment, while, func(r *rig.Rig, _ *rand.Rand) {
			if len(r.Consumers) > 1 {
				r.RemoveConsumer()
			}
		}},
		{"rolling restart of the consumers", moment, while, func(r *rig.Rig, _ *rand.Rand) {
			for _, s := range r.Consumers {
				s.Stop()
				s.Start()
			}
		}},
	}
}

// pause lets time pass: faults last for a while.
func pause(d time.Duration) { <-time.After(d) }
