package web

import (
	"fmt"
	"runtime/debug"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// panicked returns the fault for a panic, with its stack for the log.
func panicked(p any) error {
	return fault.Of(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
}
