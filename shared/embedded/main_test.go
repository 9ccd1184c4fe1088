package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// hostedServer makes this test binary host a server until it is killed: "broker" or "postgres".
const hostedServer, hostedDir = "EMBEDDED_TEST_SERVER", "EMBEDDED_TEST_DIR"

func TestMain(m *testing.M) {
	if server := os.Getenv(hostedServer); server != "" {
		if err := host(server, os.Getenv(hostedDir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func host(server, dir string) error {
	var address string
	switch server {
	case "broker":
		broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: dir})
		if err != nil {
			return err
		}
		address = broker.Addr()
	case "postgres":
		postgres, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{Dir: dir, Durable: true})
		if err != nil {
			return err
		}
		address = postgres.URL("postgres")
	}
	fmt.Println(address)
	select {} // until SIGKILL
}

// startHost starts a server in a child process and returns its address and how to kill the child.
func startHost(t *testing.T, server, dir string) (address string, kill func()) {
	t.Helper()
	return startHostAs(t, nil, server, dir)
}

func startHostAs(t *testing.T, user *syscall.Credential, server, dir string) (address string, kill func()) {
	t.Helper()
	cmd := exec.Command(testBinary(t))
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), hostedServer+"="+server, hostedDir+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the child that hosts %s said %q: %v", server, line, err)
	}
	return strings.TrimSpace(line), kill
}

// testBinary returns this program where every user can run it: go test puts it
// into a directory that only its own user enters.
func testBinary(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(openDir(t), "test")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// openDir returns a directory that every user may enter, as t.TempDir's are not.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "counterfoil-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// alive tells whether the process exists and is more than an entry that nobody has taken note of.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err != nil || !strings.HasPrefix(string(state), "Z")
}
