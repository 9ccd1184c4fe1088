package child

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// parent makes this test binary start a child in one of two ways and wait for SIGKILL.
const parent = "CHILD_TEST_PARENT"

func TestMain(m *testing.M) {
	switch os.Getenv(parent) {
	case "":
		goleak.VerifyTestMain(m)
	case "kernel":
		process, err := Start(exec.Command("sleep", "600"), syscall.SIGTERM)
		announce(process.PID(), err)
	case "watcher":
		cmd := exec.Command("sleep", "600")
		err := cmd.Start()
		if err == nil {
			_, err = startWatcher(cmd.Process.Pid, syscall.SIGTERM)
		}
		announce(cmd.Process.Pid, err)
	}
}

func announce(pid int, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(pid)
	never := make(chan os.Signal, 1)
	signal.Notify(never, syscall.SIGUSR1)
	<-never
}

func TestStart_TheChildDiesWithItsParent(t *testing.T) {
	for _, way := range []string{"kernel", "watcher"} { // the watcher is what other systems have
		t.Run(way, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), parent+"="+way)
			cmd.Stderr = os.Stderr
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, readErr := bufio.NewReader(stdout).ReadString('\n')
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			cmd.Wait()
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("the parent said %q: %v, %v", line, readErr, err)
			}
			eventually(t, "the child ends", func() bool { return ended(pid) })
		})
	}
}

// The kernel ties the child to the thread that started it, so the thread must not
// end while the parent lives.
func TestStart_TheChildOutlivesTheGoroutineThatStartedIt(t *testing.T) {
	started := make(chan *Process)
	go func() {
		process, err := Start(exec.Command("sleep", "600"), syscall.SIGKILL)
		if err != nil {
			t.Error(err)
		}
		started <- process
	}()
	process := <-started
	if process == nil {
		t.FailNow()
	}
	// Threads come and go with goroutines that end locked.
	for range 50 {
		gone := make(chan struct{})
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			close(gone)
		}()
		<-gone
	}
	select {
	case <-process.Done():
		t.Fatalf("the child ended: %v", process.Err())
	default:
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := process.Err(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("ended with %v", err)
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("a signal to an ended child: %v", err)
	}
}

func TestStart_SaysWhatDoesNotStart(t *testing.T) {
	if _, err := Start(exec.Command("/nowhere/to/be/found"), syscall.SIGKILL); err == nil || !strings.Contains(err.Error(), "/nowhere/to/be/found") {
		t.Fatalf("got %v", err)
	}
}

func TestStartWatcher_StoppedItSignalsNobody(t *testing.T) {
	bystander := exec.Command("sleep", "600")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	stop, err := startWatcher(bystander.Process.Pid, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := bystander.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := bystander.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Fatalf("ended with %v", err)
	}
}

// ended tells whether the process is gone, or waits for its new parent to take note.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(string(state), "Z")
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
