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

// NewLogger returns a logger that writes JSON lines of at least the level to w, each with the service's name.
func NewLogger(w io.Writer, level slog.Level, service string) *slog.Logger {
	handler := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(correlated{handler}).With("service", service)
}

// correlated adds the context's correlation id to each line.
type correlated struct{ slog.Handler }

func (h correlated) Handle(ctx context.Context, record slog.Record) error {
	if id := Correlation(ctx); id != "" {
		record.AddAttrs(slog.String("correlation_id", id))
	}
	return h.Handler.Handle(ctx, record)
}

func (h correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	return correlated{h.Handler.WithAttrs(attrs)}
}

func (h correlated) WithGroup(name string) slog.Handler {
	return correlated{h.Handler.WithGroup(name)}
}
