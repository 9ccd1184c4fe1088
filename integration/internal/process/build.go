package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Services are the programs that the suite builds, each in the folder of its name.
var Services = []string{"command-service", "consumer-service", "query-service"}

// binaries is where the programs are, built at first use. A test process is the one place where a global fits.
var binaries struct {
	once sync.Once
	tags string
	more []string // arguments of go build
	dir  string
	err  error
}

// BuildWith has the programs built with the tags, separated by commas, and with further arguments of go build. It is called
// before the first one starts.
func BuildWith(tags string, more ...string) { binaries.tags, binaries.more = tags, more }

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
	var root string
	if root, binaries.err = checkout(); binaries.err != nil {
		return
	}
	if binaries.dir, binaries.err = os.MkdirTemp("", "counterfoil-integration-"); binaries.err != nil {
		return
	}
	for _, service := range Services {
		args := slices.Concat([]string{"build", "-tags", binaries.tags, "-o", binaries.dir}, raceFlag, binaries.more)
		cmd := exec.Command("go", append(args, "./cmd/"+service)...)
		// Each of them builds also where there is no workspace.
		cmd.Dir = filepath.Join(root, service)
		if output, err := cmd.CombinedOutput(); err != nil {
			binaries.err = fmt.Errorf("build %s: %w\n%s", service, err, output)
			return
		}
	}
}

// checkout returns the folder that has those of the services. Tests run in the folder of their package, which is below it.
func checkout() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, Services[0], "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not below the folder of %s", here, Services[0])
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
