// Package telemetry makes the logger and the metrics registry of a process.
//
// It promises that a correlation id put into a context is in every line logged with that context.
package telemetry

import (
	"context"
	"io"
	"log/slog"
)

type correlationKey struct{}

// WithCorrelation returns a context whose log lines carry the correlation id.
func WithCorrelation(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, correlationKey{}, id)
}

// Correlation returns the context's correlation id, or "" where there is none.
func Correlation(ctx context.Context) string {
	id, _ := ctx.Value(correlationKey{}).(string)
	return id
}

// NewLogger returns a logger that writes JSON lines of at least the level to w, each with the service's name. Where w is
// Lines, a warning or an error is written at once, with all that waited before it.
func NewLogger(w io.Writer, level slog.Level, service string) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	lines, _ := w.(*Lines)
	return slog.New(correlated{handler, lines}).With("service", service)
}

// correlated adds the context's correlation id to each line.
type correlated struct {
	slog.Handler
	lines *Lines // nil where lines do not wait
}

func (h correlated) Handle(ctx context.Context, record slog.Record) error {
	if id := Correlation(ctx); id != "" {
		record.AddAttrs(slog.String("correlation_id", id))
	}
	err := h.Handler.Handle(ctx, record)
	if h.lines != nil && record.Level >= slog.LevelWarn {
		h.lines.Flush()
	}
	return err
}

func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs), h.lines}
}

func (h correlated) WithGroup(name string) slog.Handler {
	return correlated{h.Handler.WithGroup(name), h.lines}
}
