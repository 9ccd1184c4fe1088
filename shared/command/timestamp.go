package command

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseTimestamp reads an RFC 3339 timestamp (section 5.6) with a time offset and at most six digits of a second's
// fraction, which is what PostgreSQL keeps. It returns the instant in UTC.
//
// It is stricter than time.Parse: no space for the T, no comma, no hour 24, no offset beyond ±23:59. A leap second
// (:60) is refused because neither Go nor PostgreSQL can keep it, and so is an instant that is outside of the years
// 0000 to 9999 in UTC because RFC 3339 could not write it down again. The error says what is wrong, safe to show.
func ParseTimestamp(text string) (time.Time, error) {
	const example = "write it like 2009-09-28T19:03:12Z or 2009-09-28T21:03:12.5+02:00"
	if text == "" {
		return time.Time{}, fmt.Errorf("the timestamp is empty; %s", example)
	}
	// The longest form is 2009-09-28T19:03:12.123456+02:00; room is left so that too fine a fraction is named as such.
	if len(text) > 64 {
		return time.Time{}, fmt.Errorf("the timestamp %q… is too long; %s", clip(text, 32), example)
	}
	s := scanner{rest: text}
	year, month, day := s.number(4), s.after('-').number(2), s.after('-').number(2)
	s.oneOf("Tt")
	hour, minute, second := s.number(2), s.after(':').number(2), s.after(':').number(2)
	fraction := s.fraction()
	offset := s.offset()
	if s.failed || s.rest != "" {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 timestamp with an offset; %s", text, example)
	}
	if len(fraction) > 6 {
		return time.Time{}, fmt.Errorf("%q is finer than a microsecond; give at most six digits after the point", text)
	}
	if second == 60 {
		return time.Time{}, fmt.Errorf("%q is a leap second, which cannot be kept; use second 59 or the next minute", text)
	}
	if hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, fmt.Errorf("%q has no such time of day; hours go to 23, minutes and seconds to 59", text)
	}
	if s.offsetOutOfRange {
		return time.Time{}, fmt.Errorf("%q has an offset out of range; offsets go to ±23:59", text)
	}
	micros := 0
	for i := range 6 {
		micros *= 10
		if i < len(fraction) {
			micros += int(fraction[i] - '0')
		}
	}
	at := time.Date(year, time.Month(month), day, hour, minute, second, micros*1000, time.UTC)
	if y, m, d := at.Date(); y != year || m != time.Month(month) || d != day {
		return time.Time{}, fmt.Errorf("%q has no such day in the calendar", text)
	}
	at = at.Add(-offset)
	if at.Year() < 0 || at.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%q is outside of the years 0000 to 9999 in UTC", text)
	}
	return at, nil
}

// timestampLayout is RFC 3339 without needless zeros in the fraction.
const timestampLayout = "2006-01-02T15:04:05.999999Z07:00"

// FormatTimestamp writes an instant as RFC 3339 in UTC with Z and without needless zeros in the fraction.
func FormatTimestamp(at time.Time) string { return at.UTC().Format(timestampLayout) }

// AppendTimestamp appends what FormatTimestamp returns.
func AppendTimestamp(dst []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(dst, timestampLayout)
}

// scanner walks a timestamp once; after the first surprise everything is zero and failed is set.
type scanner struct {
	rest             string
	failed           bool
	offsetOutOfRange bool
}

func (s *scanner) next() byte {
	if s.failed || s.rest == "" {
		s.failed = true
		return 0
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return c
}

func (s *scanner) oneOf(allowed string) byte {
	c := s.next()
	if strings.IndexByte(allowed, c) < 0 {
		s.failed = true
	}
	return c
}

func (s *scanner) after(c byte) *scanner {
	if s.next() != c {
		s.failed = true
	}
	return s
}

func (s *scanner) number(digits int) int {
	n := 0
	for range digits {
		digit := s.next() - '0'
		if digit > 9 {
			s.failed = true
			return 0
		}
		n = n*10 + int(digit)
	}
	return n
}

func (s *scanner) fraction() string {
	if !strings.HasPrefix(s.rest, ".") {
		return ""
	}
	digits := len(s.rest) - 1 - len(strings.TrimLeft(s.rest[1:], "0123456789"))
	if digits == 0 {
		s.failed = true
		return ""
	}
	text := s.rest[1 : 1+digits]
	s.rest = s.rest[1+digits:]
	return text
}

// offset reads Z or ±HH:MM. RFC 3339, section 4.3: -00:00 is UTC with an unknown local offset; the instant is known.
func (s *scanner) offset() time.Duration {
	sign := s.oneOf("Zz+-")
	if sign != '+' && sign != '-' {
		return 0
	}
	hours, minutes := s.number(2), s.after(':').number(2)
	s.offsetOutOfRange = hours > 23 || minutes > 59
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if sign == '-' {
		return -offset
	}
	return offset
}

// clip returns at most n bytes of text, cut between characters.
func clip(text string, n int) string {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
