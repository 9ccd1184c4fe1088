// Package child runs the server processes that development and tests need, so
// that none of them outlives the process that started it.
//
// It promises that a child is always waited for, and that it is told to end
// when its parent dies, also by SIGKILL. A child leads a process group of its
// own, so that Ctrl-C in a terminal reaches the parent alone and the parent
// decides in which order things stop.
package child

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// A Process is a started child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts cmd and sends it orphaned when this process dies. The command
// must not have been started and its SysProcAttr may carry a Credential.
func Start(cmd *exec.Cmd, orphaned syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(orphaned, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run starts the child and waits for it on one locked thread: Linux ties the
// signal on a parent's death to the thread that forked, so that thread has to
// live as long as the child.
func (p *Process) run(orphaned syscall.Signal, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	stopWatching, err := startTied(p.cmd, orphaned)
	if err != nil {
		started <- fmt.Errorf("start %s: %w", p.cmd.Path, err)
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	stopWatching()
}

// PID returns the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended and has been waited for.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the child ended, nil for exit code 0. It may be called once
// Done is closed.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Signal sends a signal to the child. To signal a child that has ended is no error.
func (p *Process) Signal(sig os.Signal) error {
	err := p.cmd.Process.Signal(sig)
	if err == os.ErrProcessDone {
		return nil
	}
	return err
}
