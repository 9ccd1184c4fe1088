package child

import (
	"os/exec"
	"syscall"
)

// startTied leaves it to the kernel to signal the child when its parent dies.
func startTied(cmd *exec.Cmd, orphaned syscall.Signal) (stop func(), err error) {
	cmd.SysProcAttr.Pdeathsig = orphaned
	return func() {}, cmd.Start()
}
