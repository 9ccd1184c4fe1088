package embedded

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports that StablePort picks from are below those that the usual systems
// give to outgoing connections.
const (
	lowestStable  = 10_000
	highestStable = 32_000
)

// given are the ports that StablePort returned, so that none comes twice.
var given sync.Map

// StablePort returns a free port on 127.0.0.1 for a server that will be stopped
// and started again: no outgoing connection takes it meanwhile, as it could one
// that the system picks.
func StablePort() (int, error) {
	for range 100 {
		port := lowestStable + rand.IntN(highestStable-lowestStable)
		if _, twice := given.LoadOrStore(port, true); twice {
			continue
		}
		listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", lowestStable, highestStable)
}
