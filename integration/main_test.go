package integration

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) {
	os.Exit(kafkatest.Stopping(pgtest.Stopping(services{m})).Run())
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
