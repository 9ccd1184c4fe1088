package process

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
)

// A Line is one line of a process's output: the facts of a JSON line, or the text of any other under "text".
type Line map[string]any

// Text returns the fact of that name, "" where there is none or it is no string.
func (l Line) Text(name string) string {
	text, _ := l[name].(string)
	return text
}

// Texts returns the list of strings of that name.
func (l Line) Texts(name string) []string {
	list, _ := l[name].([]any)
	var texts []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// output keeps what a process writes.
type output struct {
	mu      sync.Mutex
	lines   []string
	partial []byte // the beginning of a line whose end has not come
}

// Write implements io.Writer for the process's two streams.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, whole := bytes.Cut(o.partial, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		o.lines = append(o.lines, string(line))
		o.partial = bytes.Clone(rest)
	}
}

// text returns the lines behind the first n, and how many there are altogether.
func (o *output) text(n int) (lines []string, total int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lines[min(n, len(o.lines)):], len(o.lines)
}

// Log returns all lines that the process has written so far.
func (p *Process) Log() []Line {
	texts, _ := p.output.text(0)
	lines := make([]Line, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &lines[i]); err != nil {
			lines[i] = Line{"text": text}
		}
	}
	return lines
}

// Find returns the lines with that message and all of the facts, given as name and value in turn.
func (p *Process) Find(message string, facts ...string) []Line {
	var found []Line
	for _, line := range p.Log() {
		matches := line.Text("msg") == message
		for i := 0; i+1 < len(facts); i += 2 {
			matches = matches && line.Text(facts[i]) == facts[i+1]
		}
		if matches {
			found = append(found, line)
		}
	}
	return found
}

// Output returns what the process has written so far.
func (p *Process) Output() string {
	lines, _ := p.output.text(0)
	return strings.Join(lines, "\n")
}
