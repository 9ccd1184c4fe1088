package dev

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

const (
	// maxJournal is how many bytes a log file may have before it becomes the old one, which replaces an older one.
	maxJournal = 16 << 20
	// quiet is how long the same warning is not shown again; the file has every one.
	quiet = 10 * time.Second
)

// journal is the log file of one service. Warnings and errors are also shown, shortly, to whoever watches.
type journal struct {
	name string
	path string
	show func(tone show.Tone, label, message string) // nil shows nothing

	mu    sync.Mutex
	file  *os.File
	size  int64
	shown map[string]time.Time
}

// openJournal goes on with the log of a service in the directory.
func openJournal(dir, name string, alert func(show.Tone, string, string)) (*journal, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory of the logs: %w", err)
	}
	j := &journal{name: name, path: filepath.Join(dir, name+".log"), show: alert, shown: map[string]time.Time{}}
	return j, j.open()
}

func (j *journal) open() error {
	file, err := os.OpenFile(j.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	j.file, j.size = file, info.Size()
	return nil
}

// Write takes one line of JSON, as slog's handler writes it.
func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size+int64(len(line)) > maxJournal {
		if err := j.turn(); err != nil {
			return 0, err
		}
	}
	n, err := j.file.Write(line)
	j.size += int64(n)
	j.tell(line)
	return n, err
}

// turn makes the file the old one and begins a new one.
func (j *journal) turn() error {
	if err := j.file.Close(); err != nil {
		return err
	}
	if err := os.Rename(j.path, j.path+".1"); err != nil {
		return err
	}
	return j.open()
}

// Close closes the file.
func (j *journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}

// constants of every line, which say nothing to somebody who watches.
var unremarkable = []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, "service"}

// tell shows a line that is a warning or an error.
func (j *journal) tell(line []byte) {
	if j.show == nil || !bytes.Contains(line, []byte(`"level":"WARN"`)) && !bytes.Contains(line, []byte(`"level":"ERROR"`)) {
		return
	}
	var facts map[string]any
	if err := json.Unmarshal(line, &facts); err != nil {
		return
	}
	message, _ := facts[slog.MessageKey].(string)
	if time.Since(j.shown[message]) < quiet {
		return
	}
	j.shown[message] = time.Now()
	tone, label := show.Warning, "warning"
	if facts[slog.LevelKey] == "ERROR" {
		tone, label = show.Bad, "error"
	}
	j.show(tone, time.Now().Format(time.TimeOnly)+" "+label, j.name+": "+message+shorten(facts))
}

// shorten writes the facts of a line behind its message.
func shorten(facts map[string]any) string {
	var names []string
	for name := range facts {
		if !slices.Contains(unremarkable, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, " %s=%v", name, facts[name])
	}
	return b.String()
}
