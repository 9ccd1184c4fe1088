package limits

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/process"
)

// most is how much memory a service may take, whatever is done to it.
const most = 256 << 20

// requireMemory fails the test when the process ever took more memory than it may, and says how much it took.
func requireMemory(t *testing.T, doing string, processes ...*process.Process) {
	t.Helper()
	for _, p := range processes {
		peak, err := peak(p)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("peak of %s, %s: %d MiB", p.Service, doing, peak>>20)
		if peak > most {
			t.Errorf("%s took %d MiB of memory, more than %d MiB", p.Service, peak>>20, most>>20)
		}
	}
}

// peak returns the most memory that the process ever had resident, in bytes, as Linux says it.
func peak(p *process.Process) (bytes int64, err error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			kibibytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmHWM", file.Name())
}
