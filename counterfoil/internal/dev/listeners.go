package dev

import (
	"context"
	"fmt"
	"net"

	"github.com/counterfoil/counterfoil/counterfoil/internal/ports"
)

// loopback is where the admin ports, the broker and PostgreSQL listen, whatever --host says.
const loopback = "127.0.0.1"

// adminAbove is how far above its service's port an admin port is.
const adminAbove = 100

// listeners are the open ports of the services.
type listeners struct {
	command, query, consumer                net.Listener
	commandAdmin, queryAdmin, consumerAdmin net.Listener
	queryExtra                              []net.Listener
	grpc                                    net.Listener
}

// listen opens the ports of the services, and looks whether those of the servers are free, all before anything starts.
func (c *Command) listen(ctx context.Context) (*listeners, error) {
	l := &listeners{queryExtra: make([]net.Listener, len(c.QueryExtraPorts))}
	var wanted []ports.Wanted
	var places []*net.Listener
	want := func(place *net.Listener, w ports.Wanted) {
		wanted, places = append(wanted, w), append(places, place)
	}
	for _, service := range []struct {
		name, flag   string
		port         int
		place, admin *net.Listener
	}{
		{"command-service", "--command-port", c.CommandPort, &l.command, &l.commandAdmin},
		{"query-service", "--query-port", c.QueryPort, &l.query, &l.queryAdmin},
		{"consumer-service", "--consumer-port", c.ConsumerPort, &l.consumer, &l.consumerAdmin},
	} {
		want(service.place, ports.Wanted{Name: service.name, Flag: service.flag, Host: c.Host, Port: service.port})
		want(service.admin, ports.Wanted{Name: "admin port of " + service.name, Flag: service.flag, Host: loopback, Port: adminPort(service.port)})
	}
	for i, port := range c.QueryExtraPorts {
		want(&l.queryExtra[i], ports.Wanted{Name: "query-service", Flag: "--query-extra-ports", Host: c.Host, Port: port})
	}
	want(&l.grpc, ports.Wanted{Name: "gRPC of query-service", Flag: "--grpc-port", Host: c.Host, Port: c.GRPCPort})
	var broker, database net.Listener
	want(&broker, ports.Wanted{Name: "broker", Flag: "--broker-port", Host: loopback, Port: c.BrokerPort})
	want(&database, ports.Wanted{Name: "PostgreSQL", Flag: "--db-port", Host: loopback, Port: c.DBPort})
	opened, err := ports.Open(ctx, wanted...)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		*place = opened[i]
	}
	_, _ = broker.Close(), database.Close() // they open their ports themselves
	return l, nil
}

func adminPort(port int) int {
	if port == 0 {
		return 0
	}
	return port + adminAbove
}

// Validate refuses numbers that are no ports.
func (c *Command) Validate() error {
	for _, port := range append([]int{c.BrokerPort, c.DBPort, c.GRPCPort}, c.QueryExtraPorts...) {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%d is not a port; ports go from 0 to 65535", port)
		}
	}
	for _, port := range []int{c.CommandPort, c.QueryPort, c.ConsumerPort} {
		if port < 0 || port > 65535-adminAbove {
			return fmt.Errorf("%d cannot be the port of a service; its admin port is %d above it, and ports go to 65535", port, adminAbove)
		}
	}
	return nil
}

// close closes what the services did not.
func (l *listeners) close() {
	for _, listener := range append(l.queryExtra, l.grpc, l.command, l.query, l.consumer, l.commandAdmin, l.queryAdmin, l.consumerAdmin) {
		_ = listener.Close()
	}
}

// port returns the port of a listener.
func port(listener net.Listener) int { return listener.Addr().(*net.TCPAddr).Port }
