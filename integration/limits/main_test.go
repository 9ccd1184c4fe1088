package limits

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("LIMITS") == "" {
		// They hold ten thousand connections and measure memory, which other tests beside them would disturb.
		fmt.Println("limits: make limits runs these, by LIMITS=1")
		return
	}
	flag.Parse()
	process.BuildPlain()
	// Those that run in parallel wait for other processes, or for time, most of the time.
	if err := errors.Join(flag.Set("test.parallel", "6"), allowConnections()); err != nil {
		fmt.Fprintln(os.Stderr, "limits:", err)
		os.Exit(1)
	}
	os.Exit(kafkatest.Stopping(pgtest.Stopping(services{m})).Run())
}

// services wraps the tests so that what was built for them is removed.
type services struct{ tests *testing.M }

func (s services) Run() int {
	code := s.tests.Run()
	if err := process.RemoveBinaries(); err != nil {
		fmt.Fprintln(os.Stderr, "limits:", err)
		code = max(code, 1)
	}
	return code
}

// connections is how many connections a service must bear.
const connections = 10_000

// allowConnections raises the number of files that this process and the services may open, where it is too low. Go raises
// what it may by itself; beyond that takes root.
func allowConnections() error {
	const needed = connections + 2000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= needed {
		return nil
	}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: max(needed, limit.Cur), Max: max(needed, limit.Max)})
	if err != nil {
		return fmt.Errorf("at most %d files may be open, %d are needed; raise it with ulimit -n: %w", limit.Max, needed, err)
	}
	return nil
}
