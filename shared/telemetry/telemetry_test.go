package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/telemetry"
)

func TestLogger_EveryLineOfAContextHasItsCorrelationID(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := telemetry.NewLogger(&out, slog.LevelInfo, "test-service")
	ctx := telemetry.WithCorrelation(t.Context(), "the-id")
	log.InfoContext(ctx, "one", "offset", 3)
	log.With("topic", "t").WarnContext(ctx, "two")
	log.InfoContext(t.Context(), "without")
	log.Info("without")
	log.DebugContext(ctx, "not at this level")
	var lines []map[string]any
	for text := range strings.Lines(out.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("not JSON: %v: %s", err, text)
		}
		lines = append(lines, line)
	}
	if len(lines) != 4 {
		t.Fatalf("%d lines:\n%s", len(lines), &out)
	}
	for i, want := range []any{"the-id", "the-id", nil, nil} {
		if lines[i]["correlation_id"] != want || lines[i]["service"] != "test-service" {
			t.Errorf("line %d: %v", i, lines[i])
		}
	}
	if lines[0]["offset"] != 3.0 || lines[1]["topic"] != "t" || lines[1]["level"] != "WARN" {
		t.Errorf("got %v", lines)
	}
}

func TestLogger_KeepsTheIDWithinGroups(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	telemetry.NewLogger(&out, slog.LevelInfo, "s").WithGroup("g").InfoContext(telemetry.WithCorrelation(t.Context(), "the-id"), "m", "a", 1)
	if !strings.Contains(out.String(), `"correlation_id":"the-id"`) {
		t.Errorf("got %s", &out)
	}
}

func TestCorrelation_OfAContextWithoutOneIsEmpty(t *testing.T) {
	t.Parallel()
	if id := telemetry.Correlation(t.Context()); id != "" {
		t.Errorf("got %q", id)
	}
	if id := telemetry.Correlation(telemetry.WithCorrelation(t.Context(), "x")); id != "x" {
		t.Errorf("got %q", id)
	}
}

func TestRegistry_HasProcessAndRuntime(t *testing.T) {
	t.Parallel()
	families, err := telemetry.NewRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	for _, want := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if !slices.Contains(names, want) {
			t.Errorf("no %s among %q", want, names)
		}
	}
	if !slices.IsSorted(telemetry.Latency) {
		t.Error("the bounds are not in order")
	}
}
