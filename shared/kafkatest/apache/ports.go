package apache

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// ports are where a cluster's nodes listen, on 127.0.0.1.
type ports struct {
	broker     []int // for clients and the other brokers
	controller []int // for the quorum
}

// choosePorts gives the brokers the ports from first on, or free ones when first is 0.
func choosePorts(first, nodes int) (ports, error) {
	var p ports
	taken := map[int]bool{}
	for i := range nodes {
		port := first + i
		if first != 0 {
			if err := checkFree(port); errors.Is(err, syscall.EADDRINUSE) {
				return p, fmt.Errorf("port %d on 127.0.0.1 is taken: stop what listens there or choose another port", port)
			} else if err != nil {
				return p, err
			}
			taken[port] = true
			p.broker = append(p.broker, port)
		}
	}
	free := func() (int, error) {
		for range 1000 {
			// Below the range that the system gives to outgoing connections: a node
			// takes seconds to listen, and by then one of those may be in the way.
			port := 20_000 + rand.IntN(12_000)
			if !taken[port] && checkFree(port) == nil {
				taken[port] = true
				return port, nil
			}
		}
		return 0, errors.New("found no free port")
	}
	for i := range nodes {
		if first == 0 {
			port, err := free()
			if err != nil {
				return p, err
			}
			p.broker = append(p.broker, port)
		}
		port, err := free()
		if err != nil {
			return p, fmt.Errorf("controller %d: %w", i, err)
		}
		p.controller = append(p.controller, port)
	}
	return p, nil
}

func checkFree(port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}
