package delivery

import (
	"context"
	"log/slog"
	"time"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// named is the largest batch whose line names all of its correlation ids; larger ones have a line for each record at
// debug.
const named = 16

// report logs a failure: as an error where a person must act, as a warning where waiting helps.
func (h *Handler) report(ctx context.Context, message string, err error, attrs ...any) {
	level := slog.LevelWarn
	if fault.Of(err).Kind().Treatment() == fault.Stop {
		level = slog.LevelError
	}
	h.log.Log(ctx, level, message, append(attrs, "code", fault.Of(err).Code, "error", err)...)
}

// needsPreparing reports whether the failure is a database or a table that is no longer there: a new session begins with
// creating it.
func needsPreparing(err error) bool {
	return postgres.IsMissing(err) || postgres.IsNoDatabase(err)
}

// account logs what became of the records.
func (h *Handler) account(ctx context.Context, p *partition, records []kafka.Record, result apply.Result, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("topic", p.Topic), slog.Int("partition", int(p.Number)),
		slog.Int64("offset", records[0].Position.Offset), slog.Int64("next_offset", result.Next),
		slog.Int("applied", result.Applied), slog.Int("already_there", result.AlreadyThere), slog.Int("parked", len(result.Parked)),
		slog.Float64("seconds", took.Seconds()),
	}
	if len(records) <= named {
		ids := make([]string, len(records))
		for i, r := range records {
			ids[i] = apply.CorrelationID(r)
		}
		attrs = append(attrs, slog.Any("correlation_ids", ids))
	}
	h.log.LogAttrs(ctx, slog.LevelInfo, "batch", attrs...)
	if h.log.Enabled(ctx, slog.LevelDebug) {
		for _, r := range records {
			h.log.LogAttrs(telemetry.WithCorrelation(ctx, apply.CorrelationID(r)), slog.LevelDebug, "record", place(r)...)
		}
	}
	if result.Differing > 0 {
		h.log.WarnContext(ctx, "commands were repeated with another payload; the first of each stands",
			"topic", p.Topic, "partition", p.Number, "offset", records[0].Position.Offset, "repeats", result.Differing)
	}
	for _, parked := range result.Parked {
		h.log.LogAttrs(telemetry.WithCorrelation(ctx, apply.CorrelationID(parked.Record)), slog.LevelWarn, "parked a record",
			append(place(parked.Record), slog.String("code", string(parked.Fault.Code)), slog.String("reason", parked.Fault.Message))...)
	}
}

func place(r kafka.Record) []slog.Attr {
	return []slog.Attr{
		slog.String("topic", r.Position.Topic), slog.Int("partition", int(r.Position.Partition)), slog.Int64("offset", r.Position.Offset),
	}
}
