package faults

import (
	"fmt"
	"os"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
	"github.com/counterfoil/counterfoil/integration/internal/process"
)

// account is of the whole run.
var account = NewAccount(os.Stdout)

func TestMain(m *testing.M) {
	rig.BeBroker()
	process.BuildWith("crashpoints") // without CRASH_AT they do nothing
	code := m.Run()
	if account.Total().Scenarios > 0 {
		account.Summary(os.Stdout)
	}
	if err := process.RemoveBinaries(); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
