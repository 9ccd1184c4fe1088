package dev

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

func TestJournal_ShowsWarningsOnceAndKeepsEverything(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var shown []string
	j, err := openJournal(dir, "consumer-service", func(_ show.Tone, label, message string) {
		_, level, _ := strings.Cut(label, " ")
		shown = append(shown, level+" "+message)
	})
	if err != nil {
		t.Fatal(err)
	}
	log := telemetry.NewLogger(j, slog.LevelInfo, "consumer-service")
	log.Info("joined")
	for range 3 {
		log.Warn("not in the group", "error", "no broker", "topic", "t")
	}
	log.Error("refusing the partition", "partition", 3)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{"warning consumer-service: not in the group error=no broker topic=t", "error consumer-service: refusing the partition partition=3"}
	if strings.Join(shown, "\n") != strings.Join(want, "\n") {
		t.Errorf("shown are %q", shown)
	}
	content, err := os.ReadFile(filepath.Join(dir, "consumer-service.log"))
	if err != nil || bytes.Count(content, []byte("\n")) != 5 {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

func TestJournal_NeverGrowsBeyondItsBound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	for range 2 { // it goes on with the file that it finds
		j, err := openJournal(dir, "dev", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if _, err := j.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]int64{"dev.log": 8 << 20, "dev.log.1": 16 << 20} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != want {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("the files are %q", got)
	}
}
