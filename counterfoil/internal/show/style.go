package show

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/mattn/go-isatty"
)

// Tone is what a piece of text means to its reader; where there is colour it becomes one.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Faint
	Good
	Warning
	Bad
)

// escapes are the SGR sequences of the tones (ECMA-48, section 8.3.117).
var escapes = map[Tone]string{Faint: "\x1b[2m", Good: "\x1b[32m", Warning: "\x1b[33m", Bad: "\x1b[31m"}

type style bool

func (s style) paint(tone Tone, text string) string {
	if !s || tone == Plain || text == "" {
		return text
	}
	return escapes[tone] + text + "\x1b[0m"
}

// Colour reports whether a file may get colour: it is a terminal that can show it, and NO_COLOR is not set (no-color.org).
func Colour(file *os.File, getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && Terminal(file, getenv)
}

// Terminal reports whether a file is a terminal that does what escape sequences say.
func Terminal(file *os.File, getenv func(string) string) bool {
	return getenv("TERM") != "dumb" && isatty.IsTerminal(file.Fd())
}

// Duration writes a duration with as many digits as a person reads.
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

// Count writes a number in groups of three digits.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}

// Bytes writes a number of bytes with a unit of powers of 1024.
func Bytes(n int64) string {
	value, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB"}
	for len(units) > 1 && value >= 1024 {
		value, units = value/1024, units[1:]
	}
	if value < 10 && units[0] != "B" {
		return fmt.Sprintf("%.1f %s", value, units[0])
	}
	return fmt.Sprintf("%.0f %s", value, units[0])
}
