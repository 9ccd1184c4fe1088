package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
)

// serve starts the server and waits until it accepts connections.
func (h home) serve(ctx context.Context, bin string, cfg PostgresConfig) (*child.Process, int, error) {
	for attempt := 1; ; attempt++ {
		port := cfg.Port
		if port == 0 {
			var err error
			if port, err = freePort(); err != nil {
				return nil, 0, err
			}
		}
		process, err := h.serveOn(ctx, bin, port, cfg)
		switch {
		case err == nil:
			return process, port, nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return nil, 0, err
		case cfg.Port != 0:
			return nil, 0, portTaken(cfg.Port)
		case attempt == 10:
			return nil, 0, fmt.Errorf("no free port after %d attempts: %w", attempt, err)
		}
		// Somebody took the free port between the look and the start.
	}
}

func (h home) serveOn(ctx context.Context, bin string, port int, cfg PostgresConfig) (*child.Process, error) {
	if err := os.Rename(h.log(), h.log()+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	logFile, err := os.Create(h.log())
	if err != nil {
		return nil, err
	}
	defer logFile.Close() // the child has its own
	cmd := h.account.command(h.dir, filepath.Join(bin, "postgres"), h.serverArgs(port, cfg.Durable)...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	orphaned := syscall.SIGINT
	if !cfg.Durable {
		orphaned = syscall.SIGQUIT // nobody will want the data again
	}
	process, err := child.Start(cmd, orphaned)
	if err != nil {
		return nil, err
	}
	if err := h.awaitReady(ctx, process, cfg.Progress); err != nil {
		process.Signal(syscall.SIGQUIT)
		<-process.Done()
		return nil, err
	}
	return process, nil
}

func (h home) serverArgs(port int, durable bool) []string {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=",
		"max_connections=200",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_destination=stderr",
		"lc_messages=C",
	}
	if !durable {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	args := []string{"-D", h.data()}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return args
}

// awaitReady waits for the line that the server writes to its pid file when it
// accepts connections, as pg_ctl does: it needs neither a driver nor a password.
func (h home) awaitReady(ctx context.Context, process *child.Process, say func(string)) error {
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	slow := time.NewTimer(3 * time.Second)
	defer slow.Stop()
	for {
		select {
		case <-process.Done():
			return h.failure(process.Err())
		case <-ctx.Done():
			return fmt.Errorf("wait until it accepts connections: %w\n%s", ctx.Err(), h.logTail())
		case <-slow.C:
			say("PostgreSQL is still starting: after a crash it recovers first (see " + h.log() + ")")
		case <-look.C:
		}
		if pid, status := h.readPidFile(); pid == process.PID() && status == "ready" {
			return nil
		}
	}
}

// failure tells why the server did not start.
func (h home) failure(exit error) error {
	tail := h.logTail()
	if strings.Contains(tail, "could not bind") {
		return fmt.Errorf("%w: %s", syscall.EADDRINUSE, tail)
	}
	return fmt.Errorf("postgres ended: %v\n%s", exit, tail)
}

// checkPort fails when something listens on the port.
func checkPort(port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return portTaken(port)
	case err != nil:
		return err
	}
	return listener.Close()
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}
