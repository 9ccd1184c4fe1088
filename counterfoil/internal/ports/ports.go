// Package ports opens the ports of a process all at once and, where some are taken, says which, by whom, and what
// changes each.
package ports

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Wanted is a port that somebody needs.
type Wanted struct {
	Name string // what listens there, such as command-service
	Flag string // the flag that changes it
	Host string
	Port int // 0 takes a free one
}

func (w Wanted) address() string { return net.JoinHostPort(w.Host, strconv.Itoa(w.Port)) }

// Taken is a port that cannot be had.
type Taken struct {
	Wanted
	By    string // the process that listens there, "" where that cannot be found out
	cause error
}

func (t Taken) Error() string {
	reason := "is taken"
	switch {
	case !errors.Is(t.cause, syscall.EADDRINUSE):
		reason = "cannot be opened: " + t.cause.Error()
	case t.By != "":
		reason = "is taken by " + t.By
	}
	return fmt.Sprintf("port %d (%s) %s; %s changes it", t.Port, t.Name, reason, t.Flag)
}

// Open returns a listener for each wanted port, or an error for each that cannot be had. Nothing stays open then.
func Open(ctx context.Context, wanted ...Wanted) (listeners []net.Listener, err error) {
	var config net.ListenConfig
	var taken []error
	for i, w := range wanted {
		listener, err := config.Listen(ctx, "tcp", w.address())
		if err != nil {
			taken = append(taken, Taken{w, holder(w, wanted[:i]), err})
			continue
		}
		listeners = append(listeners, listener)
	}
	if len(taken) == 0 {
		return listeners, nil
	}
	for _, listener := range listeners {
		_ = listener.Close()
	}
	return nil, errors.Join(taken...)
}

// holder says who has the port: another of the wanted ones, or another process.
func holder(w Wanted, others []Wanted) string {
	for _, other := range others {
		if w.Port != 0 && other.Port == w.Port {
			return fmt.Sprintf("%s (%s)", other.Name, other.Flag)
		}
	}
	return process(w.Port)
}

// describe names a process by its number and the beginning of its command line.
func describe(pid int, commandLine string) string {
	const enough = 60
	commandLine = strings.TrimSpace(commandLine)
	if len(commandLine) > enough {
		commandLine = strings.ToValidUTF8(commandLine[:enough], "") + "…"
	}
	if commandLine == "" {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, commandLine)
}
