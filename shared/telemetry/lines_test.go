package telemetry_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// written is a writer that tells what each write held.
type written chan string

func (w written) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestLines_AreWrittenSoonAlthoughNothingFollows(t *testing.T) {
	t.Parallel()
	out := make(written, 8)
	lines := telemetry.Gather(out)
	for range 2 { // the second time, the timer has fired before
		_, _ = io.WriteString(lines, "one\n")
		if got := <-out; got != "one\n" {
			t.Fatalf("written: %q", got)
		}
	}
}

func TestLines_AreWrittenTogetherAndInOrder(t *testing.T) {
	t.Parallel()
	const count = 8 << 10
	out := make(written, count)
	lines := telemetry.Gather(out)
	const line = "a line of thirty-two characters\n"
	for range count {
		_, _ = io.WriteString(lines, line)
	}
	lines.Flush()
	lines.Flush()
	var all strings.Builder
	writes := len(out)
	for range writes {
		all.WriteString(<-out)
	}
	if all.String() != strings.Repeat(line, count) {
		t.Error("lines are lost, doubled or in another order")
	}
	if writes > count/10 {
		t.Errorf("%d writes for %d lines", writes, count)
	}
}

func TestLogger_LetsNoWarningWait(t *testing.T) {
	t.Parallel()
	out := make(written, 8)
	log := telemetry.NewLogger(telemetry.Gather(out), slog.LevelInfo, "s").With("k", "v").WithGroup("g")
	log.Info("before")
	log.Warn("bad")
	var got string
	for len(out) > 0 {
		got += <-out
	}
	if !strings.Contains(got, "before") || !strings.Contains(got, "bad") {
		t.Errorf("when Warn returns, this is written: %q", got)
	}
}
