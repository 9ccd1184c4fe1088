package parked

import (
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMoment_IsATimeOrHowLongAgo(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"yesterday", "-2h", "2", "2026-01-02", "2026-01-02T15:04:05", "2h ago"} {
		if at, err := moment("--since", text); exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "--since "+text) {
			t.Errorf("%q is read as %s, %v", text, at, err)
		}
	}
	if at, err := moment("--since", "2026-01-02T15:04:05+01:00"); err != nil || !at.Equal(time.Date(2026, 1, 2, 14, 4, 5, 0, time.UTC)) {
		t.Errorf("a time is read as %s, %v", at, err)
	}
	before := time.Now()
	if at, err := moment("--since", "2h"); err != nil || at.Before(before.Add(-2*time.Hour)) || at.After(time.Now().Add(-2*time.Hour)) {
		t.Errorf("two hours before %s is %s, %v", before, at, err)
	}
	if at, err := moment("--since", ""); err != nil || !at.IsZero() {
		t.Errorf("nothing is read as %s, %v", at, err)
	}
}

func TestFilter_RefusesWhatIsNoPosition(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "t", "t/1", "t@1", "t/x@1", "t/1@x", "t/-1@1", "t/1@-1", "t/1@9223372036854775808"} {
		if _, err := (Filter{}).records("parked", []string{text}); exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "parked list") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// However many versions parked a record, one decision is about it; two read models are two decisions.
func TestAbout_IsOneDecisionForEachRecordOfAModel(t *testing.T) {
	t.Parallel()
	record := func(model string, version int, offset int64) readmodel.ParkedRecord {
		at := position.Position{Topic: "t", Offset: offset}
		return readmodel.ParkedRecord{ReadModel: model, Version: version, Position: at, At: at.String()}
	}
	decisions := about(decision.Retry, []readmodel.ParkedRecord{
		record("trips", 1, 5), record("trips", 2, 5), record("trips", 1, 6), record("zones", 1, 5), record("trips", 1, 5),
	})
	var got []string
	for _, d := range decisions {
		got = append(got, d.ReadModel+" "+d.Position.String())
	}
	if text := strings.Join(got, ", "); text != "trips t/0@5, trips t/0@6, zones t/0@5" {
		t.Errorf("decided about %s", text)
	}
}

// Whatever a record holds, it does not reach the terminal as it is unless it is text.
func TestReadable_IsTextThatATerminalCanBear(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                              "",
		"äöü €":                         "äöü €",
		"\x1b[31mred\x1b[0m":            `"\x1b[31mred\x1b[0m"`,
		"a\nb":                          `"a\nb"`,
		"\xff\x00":                      `"\xff\x00"`,
		"\u202egnp.exe":                 `"\u202egnp.exe"`,
		strings.Repeat("x", 4001):       strings.Repeat("x", 4000) + "… (4001 bytes in all)",
		strings.Repeat("x", 3999) + "€": strings.Repeat("x", 3999) + "… (4002 bytes in all)",
	} {
		if got := readable([]byte(content)); got != want {
			t.Errorf("%.20q is shown as %.60s, want %.60s", content, got, want)
		}
	}
	if got := readable(nil); got != "null" {
		t.Errorf("no value is shown as %s", got)
	}
}
