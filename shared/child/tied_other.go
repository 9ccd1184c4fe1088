//go:build !linux

package child

import (
	"os/exec"
	"syscall"
)

// startTied has a watcher signal the child where the kernel has no such service.
func startTied(cmd *exec.Cmd, orphaned syscall.Signal) (stop func(), err error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop, err = startWatcher(cmd.Process.Pid, orphaned)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, err
	}
	return stop, nil
}
