package faults

import (
	"fmt"
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
	"github.com/counterfoil/counterfoil/integration/internal/process"
)

func TestMain(m *testing.M) {
	rig.BeBroker()
	process.BuildWith("crashpoints") // without CRASH_AT they do nothing
	code := m.Run()
	if err := process.RemoveBinaries(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
