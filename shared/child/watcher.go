package child

import (
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
)

// startWatcher starts a shell that signals the process when this one dies. The
// shell reads from a pipe that nobody writes to, and the read ends when the
// kernel closes the other end with its last holder.
func startWatcher(pid int, orphaned syscall.Signal) (stop func(), err error) {
	watcher := exec.Command("/bin/sh", "-c", `read -r never; kill -"$1" "$2"`, "sh",
		strconv.Itoa(int(orphaned)), strconv.Itoa(pid))
	watcher.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := watcher.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("watch for the parent's death: %w", err)
	}
	if err := watcher.Start(); err != nil {
		return nil, fmt.Errorf("watch for the parent's death: %w", err)
	}
	return func() {
		// Killed before the pipe closes: by now the number may name another process.
		watcher.Process.Kill()
		watcher.Wait()
		pipe.Close()
	}, nil
}
