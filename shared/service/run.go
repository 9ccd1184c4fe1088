// Package service runs the long-lived parts of a process, ends them in order, and reads their configuration.
//
// It promises that a part's failure ends the whole process with that error, and that at the end the parts stop one by
// one in the reverse of their start, each with everything before it still running. It knows nothing of what they do.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Part is one long-lived piece of a process.
type Part struct {
	Name string
	// Run blocks until ctx ends and all that the part started has ended. Returning earlier, with or without an error,
	// ends the process.
	Run func(ctx context.Context) error
}

// Run starts the parts in order and blocks until ctx ends or one of them returns; then it stops them in reverse order,
// waiting for each before the next. It returns every failure, the first one first, or nil after a stop that was asked for
// and went well.
func Run(ctx context.Context, log *slog.Logger, parts ...Part) error {
	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
		err    error
	}
	ended := make(chan int, len(parts))
	all := make([]*running, len(parts))
	for i, part := range parts {
		partCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := &running{cancel: cancel, done: make(chan struct{})}
		all[i] = r
		go func() {
			defer func() { close(r.done); ended <- i }()
			r.err = part.Run(partCtx)
		}()
	}
	var failures []error
	first := -1
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case first = <-ended:
		err := all[first].err
		if err == nil {
			err = errors.New("ended by itself")
		}
		failures = append(failures, fmt.Errorf("%s: %w", parts[first].Name, err))
		log.Error("a part failed, stopping", "part", parts[first].Name, "error", err)
	}
	for i := len(all) - 1; i >= 0; i-- {
		began := time.Now()
		all[i].cancel()
		<-all[i].done
		if err := all[i].err; err != nil && i != first && !errors.Is(err, context.Canceled) {
			failures = append(failures, fmt.Errorf("stop %s: %w", parts[i].Name, err))
		}
		log.Debug("stopped", "part", parts[i].Name, "seconds", time.Since(began).Seconds())
	}
	if len(failures) == 0 {
		log.Info("stopped")
	}
	return errors.Join(failures...)
}
