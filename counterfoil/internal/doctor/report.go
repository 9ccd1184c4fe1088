package doctor

import (
	"fmt"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

// Finding is the result of one check.
type Finding struct {
	Check  string   `json:"check"`
	Status Status   `json:"status"`
	Detail string   `json:"detail,omitempty"`
	Do     []string `json:"do,omitempty"` // what to do about it
}

// Status is how a check ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, with less than it promises
	Failed  Status = "failed"
	Skipped Status = "skipped" // it could not be checked; the detail says why
)

var tones = map[Status]show.Tone{OK: show.Good, Warning: show.Warning, Failed: show.Bad, Skipped: show.Faint}

// report collects findings in the order of the checks.
type report struct{ findings []Finding }

func (r *report) ok(check, format string, args ...any) {
	r.findings = append(r.findings, Finding{Check: check, Status: OK, Detail: fmt.Sprintf(format, args...)})
}

func (r *report) skip(check, format string, args ...any) {
	r.findings = append(r.findings, Finding{Check: check, Status: Skipped, Detail: fmt.Sprintf(format, args...)})
}

func (r *report) warn(check, detail string, do ...string) {
	r.findings = append(r.findings, Finding{Check: check, Status: Warning, Detail: detail, Do: do})
}

func (r *report) fail(check, detail string, do ...string) {
	r.findings = append(r.findings, Finding{Check: check, Status: Failed, Detail: detail, Do: do})
}

// count returns how many findings have the status.
func (r *report) count(status Status) int {
	n := 0
	for _, f := range r.findings {
		if f.Status == status {
			n++
		}
	}
	return n
}

func (r *report) page(page *show.Page) {
	var rows [][]show.Cell
	for _, f := range r.findings {
		rows = append(rows, []show.Cell{{Text: string(f.Status), Tone: tones[f.Status]}, show.Text(f.Check), show.Text(f.Detail)})
		for _, do := range f.Do {
			rows = append(rows, []show.Cell{{}, {}, show.Text("→ " + do)})
		}
	}
	page.Table([]string{"", "check", "finding"}, rows)
}
