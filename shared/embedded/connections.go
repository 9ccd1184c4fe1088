package embedded

import (
	"net"
	"sync"
)

// connections are those that clients have open, by the client's address.
type connections struct {
	mu   sync.Mutex
	open map[string]bool
}

// listener returns one whose connections are known.
func (c *connections) listener(of net.Listener) net.Listener { return known{of, c} }

// has reports whether the client's connection is open.
func (c *connections) has(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[address]
}

type known struct {
	net.Listener
	connections *connections
}

// Accept returns a connection that is known until it is closed.
func (l known) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.connections.mu.Lock()
	defer l.connections.mu.Unlock()
	address := conn.RemoteAddr().String()
	l.connections.open[address] = true
	return knownConn{conn, func() {
		l.connections.mu.Lock()
		defer l.connections.mu.Unlock()
		delete(l.connections.open, address)
	}}, nil
}

type knownConn struct {
	net.Conn
	forget func()
}

// Close closes the connection.
func (c knownConn) Close() error {
	c.forget()
	return c.Conn.Close()
}
