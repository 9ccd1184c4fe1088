package show_test

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

func page(p *show.Page) {
	p.Table([]string{"name", "lag"}, [][]show.Cell{
		{show.Text("zwölf"), {Text: "12", Tone: show.Warning}},
		{show.Text("x"), {Text: "0", Tone: show.Good}},
	})
}

func TestResult_AlignsColumnsByWhatIsSeen(t *testing.T) {
	t.Parallel()
	var plain, coloured bytes.Buffer
	for out, colour := range map[*bytes.Buffer]bool{&plain: false, &coloured: true} {
		if err := show.New(show.Options{Out: out, ColourOut: colour}).Result(nil, page); err != nil {
			t.Fatal(err)
		}
	}
	if want := "NAME   LAG\nzwölf  12\nx      0\n"; plain.String() != want {
		t.Errorf("without colour:\n%swant:\n%s", plain.String(), want)
	}
	want := "\x1b[2mNAME\x1b[0m   \x1b[2mLAG\x1b[0m\nzwölf  \x1b[33m12\x1b[0m\nx      \x1b[32m0\x1b[0m\n"
	if coloured.String() != want {
		t.Errorf("with colour:\n%q\nwant:\n%q", coloured.String(), want)
	}
}

func TestResult_AsJSONIsOneLine(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	p := show.New(show.Options{Out: &out, Err: &errOut, JSON: true})
	if err := p.Result(map[string]string{"a": "b\nc"}, page); err != nil {
		t.Fatal(err)
	}
	if want := `{"a":"b\nc"}` + "\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	p.Failure(errors.New("why"), 3)
	if want := `{"error":"why","exit_code":3}` + "\n"; errOut.String() != want {
		t.Errorf("got %q, want %q", errOut.String(), want)
	}
}

func TestFields_WithoutAValueAreLeftOut(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := show.New(show.Options{Out: &out}).Result(nil, func(p *show.Page) {
		p.Fields(show.Field{Name: "ticket", Value: show.Text("1")}, show.Field{Name: "reason"})
	})
	if err != nil || out.String() != "ticket  1\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestColour_IsOnlyForATerminalThatMayHaveIt(t *testing.T) {
	t.Parallel()
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	if show.Colour(file, func(string) string { return "" }) {
		t.Error("a file gets colour")
	}
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	for variable, want := range map[string]bool{"": true, "NO_COLOR": false, "TERM": false} {
		getenv := func(name string) string {
			if name == variable {
				return "dumb"
			}
			return ""
		}
		if got := show.Colour(terminal, getenv); got != want {
			t.Errorf("a terminal with %s set: colour %v, want %v", variable, got, want)
		}
	}
}

func TestDuration_HasAsManyDigitsAsAPersonReads(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		250 * time.Microsecond:           "250 µs",
		4120 * time.Microsecond:          "4.1 ms",
		17_900 * time.Microsecond:        "17 ms",
		2310 * time.Millisecond:          "2.3 s",
		90*time.Second + time.Nanosecond: "1m30s",
	} {
		if got := show.Duration(d); got != want {
			t.Errorf("%d ns is %q, want %q", d, got, want)
		}
	}
}

func TestCountAndBytes_AreReadAtAGlance(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 0 B", 999: "999 999 B", 1000: "1 000 1000 B", 1234567: "1 234 567 1.2 MiB", -123456: "-123 456 -123456 B", 52 << 30: "55 834 574 848 52 GiB"} {
		if got := show.Count(n) + " " + show.Bytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestProgress_IsOneLineOnATerminalAndFewElsewhere(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{true: "\r\x1b[K0\r\x1b[K1\r\x1b[K2\n", false: "0\n2\n"} {
		var errOut bytes.Buffer
		line := show.New(show.Options{Err: &errOut, Terminal: terminal}).Progress()
		for i, at := range []int64{0, 4, 6} {
			line.Update(time.Unix(at, 0), strconv.Itoa(i))
		}
		line.Done()
		line.Done()
		if errOut.String() != want {
			t.Errorf("on a terminal %v: %q, want %q", terminal, errOut.String(), want)
		}
	}
}
