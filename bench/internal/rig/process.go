package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
)

// patience is how long a process may take to listen, and to drain.
const patience = time.Minute

// A Process is a service or a peer. It says in its log where it listens, as the services do.
type Process struct {
	name  string
	log   string // file of what it writes
	http  string // where it listens, of one that does not say so
	child *child.Process
}

// Service builds the service if this run has not yet, starts it with the environment, as NAME=value, and returns when it
// listens. What it logs goes to a file, as it is logged by default.
func (r *Rig) Service(ctx context.Context, name string, env ...string) (*Process, error) {
	return r.ServiceAt(ctx, "", name, env...)
}

// ServiceAt starts a service as it was at a revision; "" is what the checkout holds.
func (r *Rig) ServiceAt(ctx context.Context, revision, name string, env ...string) (*Process, error) {
	program, err := r.build(ctx, revision, name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "SERVER_PORT=0", "ADMIN_PORT=0", "SERVER_EXTRA_PORTS=0", "GRPC_PORT=0",
	}, env...)
	return r.start(ctx, name, cmd)
}

// Peer starts this program as one of its peers and returns when it listens.
func (r *Rig) Peer(ctx context.Context, name string, args ...string) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return r.start(ctx, name, exec.Command(self, append([]string{"peer", name}, args...)...))
}

// listen starts any other program, which is to listen at the address.
func (r *Rig) listen(ctx context.Context, name string, cmd *exec.Cmd, address string) (*Process, error) {
	p, err := r.launch(name, cmd)
	if err != nil {
		return nil, err
	}
	p.http = address
	return p, r.await(ctx, p, func(ctx context.Context) error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return errors.New("nobody listens at " + address)
		}
		return conn.Close()
	})
}

func (r *Rig) start(ctx context.Context, name string, cmd *exec.Cmd) (*Process, error) {
	p, err := r.launch(name, cmd)
	if err != nil {
		return nil, err
	}
	return p, r.await(ctx, p, func(context.Context) error {
		if p.Address("http") == "" {
			return errors.New("it does not listen")
		}
		return nil
	})
}

func (r *Rig) launch(name string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(r.dir, r.Name(name+"-")+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	cmd.Stdout, cmd.Stderr = log, log
	if p.child, err = child.Start(cmd, syscall.SIGKILL); err != nil {
		return nil, err
	}
	r.running = append(r.running, p)
	return p, nil
}

func (r *Rig) await(ctx context.Context, p *Process, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.child.Done():
			return fmt.Errorf("%s ended: %w\n%s", p.name, p.child.Err(), p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s: %w\n%s", p.name, errors.Join(ctx.Err(), err), p.Tail())
		}
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.child.PID() }

// Address returns the address on 127.0.0.1 at which a part listens, "http" or "admin", or "" as long as it does not.
func (p *Process) Address(part string) string {
	if part == "http" && p.http != "" {
		return p.http
	}
	text, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		var said struct{ Msg, Part, Address string }
		if json.Unmarshal(line, &said) != nil || said.Msg != "listening" || said.Part != part {
			continue
		}
		if _, port, err := net.SplitHostPort(said.Address); err == nil {
			return net.JoinHostPort("127.0.0.1", port)
		}
	}
	return ""
}

// Tail returns the end of what the process wrote.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// Stop ends the process by SIGTERM, or by SIGKILL where that takes too long, and removes its log. It may be called again.
func (p *Process) Stop() error {
	return errors.Join(p.end(syscall.SIGTERM), ignoreMissing(os.Remove(p.log)))
}

// Kill ends the process at once.
func (p *Process) Kill() error {
	return errors.Join(p.end(syscall.SIGKILL), ignoreMissing(os.Remove(p.log)))
}

func (p *Process) end(signal syscall.Signal) error {
	if err := p.child.Signal(signal); err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.child.Done():
		return nil
	case <-limit.C:
		err := p.child.Signal(syscall.SIGKILL)
		<-p.child.Done()
		return errors.Join(fmt.Errorf("%s did not end within %s", p.name, patience), err)
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Forget stops the process and forgets it: for those that are started once for each round.
func (r *Rig) Forget(p *Process) error {
	r.strike(p)
	return p.Stop()
}

// Kill ends the process at once and forgets it: for those that take long to stop and are not needed again.
func (r *Rig) Kill(p *Process) error {
	r.strike(p)
	return p.Kill()
}

func (r *Rig) strike(p *Process) {
	r.running = slices.DeleteFunc(r.running, func(other *Process) bool { return other == p })
}
