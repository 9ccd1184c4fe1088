package clock

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults"
	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
	"github.com/counterfoil/counterfoil/integration/internal/process"
)

func TestMain(m *testing.M) {
	rig.BeBroker()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "counterfoil-clock-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "clock:", err)
		return 1
	}
	list, err := overlay(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "clock:", err)
		return 1
	}
	process.BuildWith("", "-overlay", list)
	code := m.Run()
	if err := errors.Join(process.RemoveBinaries(), os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "clock:", err)
		code = max(code, 1)
	}
	return code
}

// The clocks of all services jump for half a minute under load, and consumers are restarted meanwhile: nothing is lost,
// nothing is doubled, created_at is the record's, and the longest stop is that of a restart.
func TestG7_ClocksThatJumpChangeNothing(t *testing.T) {
	if os.Getenv("FAULTS") == "" {
		return // it builds the standard library anew
	}
	account := faults.NewAccount(os.Stdout)
	r := rig.New(t, rig.Config{Consumers: 2})
	r.Begin()
	for range 3 {
		<-time.After(10 * time.Second)
		s := r.Consumer(0)
		s.Stop()
		s.Start()
		r.Moving()
	}
	account.Injected("clocks that jump")
	account.Measured("clocks that jump", r)
	account.Judged("clocks that jump", r)
	if n := r.Command.ClockJumps(); n < 5 {
		t.Errorf("the command-service's clock jumped %d times", n)
	}
	account.Summary(os.Stdout)
}
