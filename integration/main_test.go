package integration

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if !given("test.parallel") {
		// Tests wait for other processes most of the time, so more of them than there are processors may run.
		if err := flag.Set("test.parallel", "6"); err != nil {
			fmt.Fprintln(os.Stderr, "integration:", err)
			os.Exit(1)
		}
	}
	os.Exit(kafkatest.Stopping(pgtest.Stopping(services{m})).Run())
}

// given reports whether the flag is in the command line.
func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// services wraps the tests so that the shared stack is stopped before the servers that it stands on.
type services struct{ tests *testing.M }

func (s services) Run() int {
	code := s.tests.Run()
	if err := errors.Join(stack.StopShared(), process.RemoveBinaries()); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = max(code, 1)
	}
	return code
}
