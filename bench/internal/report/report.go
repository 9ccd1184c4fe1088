// Package report shows results: as a table in a terminal, as JSON, and in docs/performance.md with plots.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
)

// A Report holds what a run showed and where.
type Report struct {
	Machine  string          `json:"machine"`
	Load     string          `json:"load"` // load averages when it began: what else the machine had to do
	Broker   string          `json:"broker"`
	Postgres string          `json:"postgres,omitempty"`
	Go       string          `json:"go"`
	Revision string          `json:"revision"`
	Began    time.Time       `json:"began"`
	Took     time.Duration   `json:"took_ns"`
	Command  string          `json:"command"`
	Tables   []contest.Table `json:"tables,omitempty"`
	Curves   []contest.Curve `json:"curves,omitempty"`
	Failures []string        `json:"failures,omitempty"` // why there is not more
}

// Where says in one paragraph what the figures were taken on.
func (r Report) Where() string {
	where := []string{r.Machine, r.Broker}
	if r.Postgres != "" {
		where = append(where, r.Postgres)
	}
	where = append(where, r.Go, "revision "+r.Revision, r.Began.UTC().Format("2006-01-02 15:04 UTC"), "load average before "+r.Load, "took "+r.Took.Round(time.Second).String())
	return strings.Join(where, "; ") + "."
}

// JSON writes the report as one line.
func (r Report) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// Text writes the report for a terminal.
func (r Report) Text(w io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n", r.Where())
	for _, t := range r.Tables {
		fmt.Fprintf(&text, "\n%s (median, lowest … highest of %s)\n", t.Title, rounds(t.Rounds))
		columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, line := range cells(t) {
			fmt.Fprintln(columns, strings.Join(line, "\t"))
		}
		_ = columns.Flush()
		if t.Note != "" {
			fmt.Fprintln(&text, t.Note)
		}
	}
	for _, c := range r.Curves {
		fmt.Fprintf(&text, "\n%s (%s; median, lowest … highest)\n", c.Title, c.Y)
		columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
		for _, line := range points(c) {
			fmt.Fprintln(columns, strings.Join(line, "\t"))
		}
		_ = columns.Flush()
	}
	_, err := w.Write(text.Bytes())
	return err
}

// rounds counts them in words.
func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return strconv.Itoa(n) + " rounds"
}

// Failed returns what dropped out.
func (r Report) Failed() []string {
	failed := slices.Clone(r.Failures)
	for _, c := range r.Curves {
		if c.Failed != "" {
			failed = append(failed, c.ID+": "+c.Failed)
		}
	}
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			if row.Failed != "" {
				failed = append(failed, t.ID+", "+row.Name+": "+row.Failed)
			}
		}
	}
	return failed
}

// cells returns the table's lines, the first of which is its head.
func cells(t contest.Table) [][]string {
	var metrics []contest.Metric
	head := []string{""}
	for _, m := range contest.Metrics {
		if t.Has(m.Key) {
			metrics = append(metrics, m)
			head = append(head, m.Head)
			if t.Baseline != "" && m.Key == contest.Rate {
				head = append(head, "ratio")
			}
		}
	}
	lines := [][]string{head}
	for _, row := range t.Rows {
		line := []string{row.Name}
		for _, m := range metrics {
			line = append(line, spread(row.Spread(m.Key)))
			if t.Baseline != "" && m.Key == contest.Rate {
				line = append(line, spread(t.Ratio(row)))
			}
		}
		if row.Failed != "" && len(row.Samples) == 0 {
			line = append(line[:1], "failed")
		}
		lines = append(lines, line)
	}
	return lines
}

func points(c contest.Curve) [][]string {
	head := []string{c.X}
	for _, line := range c.Lines {
		head = append(head, line.Name)
	}
	lines := [][]string{head}
	if len(c.Lines) == 0 {
		return lines
	}
	for i, point := range c.Lines[0].Points {
		line := []string{strconv.FormatFloat(point.X, 'f', -1, 64)}
		for _, l := range c.Lines {
			if i < len(l.Points) {
				line = append(line, spread(contest.Of(l.Points[i].Values)))
			}
		}
		lines = append(lines, line)
	}
	growth := []string{"last ÷ first"}
	for _, l := range c.Lines {
		growth = append(growth, contest.Number(l.Growth()))
	}
	return append(lines, growth)
}

func spread(s contest.Spread, ok bool) string {
	switch {
	case !ok:
		return "–"
	case s.Low == s.High:
		return contest.Number(s.Median)
	default:
		return fmt.Sprintf("%s (%s … %s)", contest.Number(s.Median), contest.Number(s.Low), contest.Number(s.High))
	}
}
