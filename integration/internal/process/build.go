package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Services are the programs that the suite builds, each in the folder of its name.
var Services = []string{"command-service", "consumer-service", "query-service"}

// binaries is where the programs are, built at first use. A test process is the one place where a global fits.
var binaries struct {
	once sync.Once
	dir  string
	err  error
}

// binary returns the path of a service's program.
func binary(t testing.TB, service string) string {
	t.Helper()
	binaries.once.Do(build)
	if binaries.err != nil {
		t.Fatal(binaries.err)
	}
	return filepath.Join(binaries.dir, service)
}

func build() {
	if binaries.dir, binaries.err = os.MkdirTemp("", "counterfoil-integration-"); binaries.err != nil {
		return
	}
	for _, service := range Services {
		args := append([]string{"build", "-o", binaries.dir}, raceFlag...)
		cmd := exec.Command("go", append(args, "./cmd/"+service)...)
		// Tests run in the folder of their package, which is beside those of the services. Each of them builds also
		// where there is no workspace.
		cmd.Dir = filepath.Join("..", service)
		if output, err := cmd.CombinedOutput(); err != nil {
			binaries.err = fmt.Errorf("build %s: %w\n%s", service, err, output)
			return
		}
	}
}

// RemoveBinaries removes what was built. No process may run any more.
func RemoveBinaries() error {
	if binaries.dir == "" {
		return nil
	}
	return os.RemoveAll(binaries.dir)
}
