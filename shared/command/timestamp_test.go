package command_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/command"
)

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	const (
		notRFC3339 = "not an RFC 3339 timestamp"
		tooFine    = "finer than a microsecond"
		noTime     = "no such time of day"
		noDay      = "no such day in the calendar"
		noOffset   = "offset out of range"
		outside    = "outside of the years 0000 to 9999"
	)
	for _, test := range []struct {
		name, text string
		want       string // the instant in UTC
		says       string // or what is wrong
	}{
		// Offsets.
		{name: "UTC", text: "2009-09-28T19:03:12Z", want: "2009-09-28T19:03:12Z"},
		{name: "ahead of UTC", text: "2009-09-28T21:03:12+02:00", want: "2009-09-28T19:03:12Z"},
		{name: "behind UTC", text: "2009-09-28T15:33:12-03:30", want: "2009-09-28T19:03:12Z"},
		{name: "plus zero", text: "2009-09-28T19:03:12+00:00", want: "2009-09-28T19:03:12Z"},
		{name: "minus zero", text: "2009-09-28T19:03:12-00:00", want: "2009-09-28T19:03:12Z"},
		{name: "the largest", text: "2009-09-28T19:03:12+23:59", want: "2009-09-27T19:04:12Z"},
		{name: "the smallest", text: "2009-09-28T19:03:12-23:59", want: "2009-09-29T19:02:12Z"},
		{name: "24 hours", text: "2009-09-28T19:03:12+24:00", says: noOffset},
		{name: "60 minutes", text: "2009-09-28T19:03:12-01:60", says: noOffset},
		{name: "99:99", text: "2009-09-28T19:03:12+99:99", says: noOffset},
		{name: "no offset", text: "2009-09-28T19:03:12", says: notRFC3339},
		{name: "no colon", text: "2009-09-28T19:03:12+0200", says: notRFC3339},
		{name: "hours only", text: "2009-09-28T19:03:12+02", says: notRFC3339},
		{name: "one digit", text: "2009-09-28T19:03:12+2:00", says: notRFC3339},
		{name: "seconds too", text: "2009-09-28T19:03:12+02:00:00", says: notRFC3339},
		{name: "a name", text: "2009-09-28T19:03:12CET", says: notRFC3339},
		{name: "Z and offset", text: "2009-09-28T19:03:12Z+02:00", says: notRFC3339},
		{name: "a space for the plus", text: "2009-09-28T21:03:12 02:00", says: notRFC3339},
		{name: "the minus sign U+2212", text: "2009-09-28T15:03:12−04:00", says: notRFC3339},

		// Letters.
		{name: "lower case t", text: "2009-09-28t19:03:12Z", want: "2009-09-28T19:03:12Z"},
		{name: "lower case z", text: "2009-09-28T19:03:12z", want: "2009-09-28T19:03:12Z"},
		{name: "both in lower case", text: "2009-09-28t19:03:12.25z", want: "2009-09-28T19:03:12.25Z"},
		{name: "a space for the T", text: "2009-09-28 19:03:12Z", says: notRFC3339},
		{name: "an underscore for the T", text: "2009-09-28_19:03:12Z", says: notRFC3339},
		{name: "no T", text: "2009-09-2819:03:12Z", says: notRFC3339},

		// Fractions.
		{name: "1 digit", text: "2009-09-28T19:03:12.1Z", want: "2009-09-28T19:03:12.1Z"},
		{name: "2 digits", text: "2009-09-28T19:03:12.12Z", want: "2009-09-28T19:03:12.12Z"},
		{name: "3 digits", text: "2009-09-28T19:03:12.123Z", want: "2009-09-28T19:03:12.123Z"},
		{name: "4 digits", text: "2009-09-28T19:03:12.1234Z", want: "2009-09-28T19:03:12.1234Z"},
		{name: "5 digits", text: "2009-09-28T19:03:12.12345Z", want: "2009-09-28T19:03:12.12345Z"},
		{name: "6 digits", text: "2009-09-28T19:03:12.123456Z", want: "2009-09-28T19:03:12.123456Z"},
		{name: "6 digits and an offset", text: "2009-09-28T21:03:12.123456+02:00", want: "2009-09-28T19:03:12.123456Z"},
		{name: "the smallest fraction", text: "2009-09-28T19:03:12.000001Z", want: "2009-09-28T19:03:12.000001Z"},
		{name: "the largest fraction", text: "2009-09-28T19:03:59.999999Z", want: "2009-09-28T19:03:59.999999Z"},
		{name: "zeros only", text: "2009-09-28T19:03:12.000000Z", want: "2009-09-28T19:03:12Z"},
		{name: "7 digits", text: "2009-09-28T19:03:12.1234567Z", says: tooFine},
		{name: "7 digits that say nothing more", text: "2009-09-28T19:03:12.1234560Z", says: tooFine},
		{name: "9 digits", text: "2009-09-28T19:03:12.123456789Z", says: tooFine},
		{name: "30 digits", text: "2009-09-28T19:03:12." + strings.Repeat("1", 30) + "Z", says: tooFine},
		{name: "a point only", text: "2009-09-28T19:03:12.Z", says: notRFC3339},
		{name: "a comma", text: "2009-09-28T19:03:12,5Z", says: notRFC3339},
		{name: "two points", text: "2009-09-28T19:03:12.5.5Z", says: notRFC3339},
		{name: "a sign in the fraction", text: "2009-09-28T19:03:12.-5Z", says: notRFC3339},

		// Times of day.
		{name: "midnight", text: "2009-09-28T00:00:00Z", want: "2009-09-28T00:00:00Z"},
		{name: "the last second", text: "2009-09-28T23:59:59Z", want: "2009-09-28T23:59:59Z"},
		{name: "hour 24", text: "2009-09-28T24:00:00Z", says: noTime},
		{name: "minute 60", text: "2009-09-28T19:60:00Z", says: noTime},
		{name: "second 61", text: "2009-09-28T19:03:61Z", says: noTime},
		{name: "leap second", text: "2016-12-31T23:59:60Z", says: "leap second"},
		{name: "leap second elsewhere", text: "2017-01-01T08:59:60.5+09:00", says: "leap second"},
		{name: "no seconds", text: "2009-09-28T19:03Z", says: notRFC3339},
		{name: "an hour of one digit", text: "2009-09-28T9:03:12Z", says: notRFC3339},

		// Days.
		{name: "leap day", text: "2024-02-29T12:00:00Z", want: "2024-02-29T12:00:00Z"},
		{name: "leap day of 2000", text: "2000-02-29T12:00:00Z", want: "2000-02-29T12:00:00Z"},
		{name: "no leap day in 2023", text: "2023-02-29T12:00:00Z", says: noDay},
		{name: "no leap day in 1900", text: "1900-02-29T12:00:00Z", says: noDay},
		{name: "31 April", text: "2009-04-31T12:00:00Z", says: noDay},
		{name: "day 0", text: "2009-09-00T12:00:00Z", says: noDay},
		{name: "day 32", text: "2009-01-32T12:00:00Z", says: noDay},
		{name: "month 0", text: "2009-00-28T12:00:00Z", says: noDay},
		{name: "month 13", text: "2009-13-28T12:00:00Z", says: noDay},
		{name: "a date only", text: "2009-09-28", says: notRFC3339},
		{name: "slashes", text: "2009/09/28T19:03:12Z", says: notRFC3339},

		// Years.
		{name: "year 0000", text: "0000-01-01T00:00:00Z", want: "0000-01-01T00:00:00Z"},
		{name: "leap day of year 0000", text: "0000-02-29T00:00:00Z", want: "0000-02-29T00:00:00Z"},
		{name: "year 0000 by its offset", text: "0000-01-01T00:00:00-00:01", want: "0000-01-01T00:01:00Z"},
		{name: "before year 0000 by its offset", text: "0000-01-01T00:00:00+00:01", says: outside},
		{name: "year 9999", text: "9999-12-31T23:59:59.999999Z", want: "9999-12-31T23:59:59.999999Z"},
		{name: "year 9999 by its offset", text: "9999-12-31T23:59:59+00:01", want: "9999-12-31T23:58:59Z"},
		{name: "after year 9999 by its offset", text: "9999-12-31T23:59:59-00:01", says: outside},
		{name: "two digits", text: "09-09-28T19:03:12Z", says: notRFC3339},
		{name: "five digits", text: "12009-09-28T19:03:12Z", says: notRFC3339},
		{name: "a negative year", text: "-2009-09-28T19:03:12Z", says: notRFC3339},
		{name: "a signed year", text: "+2009-09-28T19:03:12Z", says: notRFC3339},

		// Everything else.
		{name: "empty", text: "", says: "the timestamp is empty"},
		{name: "garbage", text: "garbage", says: notRFC3339},
		{name: "seconds since 1970", text: "1254164592", says: notRFC3339},
		{name: "space before", text: " 2009-09-28T19:03:12Z", says: notRFC3339},
		{name: "space after", text: "2009-09-28T19:03:12Z ", says: notRFC3339},
		{name: "a line after", text: "2009-09-28T19:03:12Z\n", says: notRFC3339},
		{name: "NUL after", text: "2009-09-28T19:03:12Z\x00", says: notRFC3339},
		{name: "NUL only", text: "\x00", says: notRFC3339},
		{name: "Arabic digits", text: "٢٠٠٩-٠٩-٢٨T١٩:٠٣:١٢Z", says: notRFC3339},
		{name: "full-width digits", text: "2009-09-28T19:03:1２Z", says: notRFC3339},
		{name: "not UTF-8", text: "2009-09-28T19:03:12\xff", says: notRFC3339},
		{name: "65 bytes", text: "2009-09-28T19:03:12." + strings.Repeat("1", 44) + "Z", says: "too long"},
		{name: "10 kB of nonsense", text: strings.Repeat("2009-09-28", 1024), says: "too long"},
		{name: "10 kB beyond ASCII", text: strings.Repeat("ä", 5120), says: "too long"},
		{name: "10 kB that are not UTF-8", text: strings.Repeat("\x80", 10240), says: "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := command.ParseTimestamp(test.text)
			if test.says != "" {
				if err == nil {
					t.Fatalf("%.80q is read as %s", test.text, got)
				}
				if !strings.Contains(err.Error(), test.says) || len(err.Error()) > 400 {
					t.Errorf("%.80q: it says %q, want %q in it", test.text, err, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if command.FormatTimestamp(got) != test.want || got.Location() != time.UTC {
				t.Errorf("%q is read as %s, want %s", test.text, got, test.want)
			}
		})
	}
}

func TestFormatTimestamp_IsUTCWithoutNeedlessZeros(t *testing.T) {
	t.Parallel()
	ahead := time.FixedZone("ahead", 2*3600)
	for want, at := range map[string]time.Time{
		"2009-09-28T19:03:12Z":        time.Date(2009, 9, 28, 21, 3, 12, 0, ahead),
		"2009-09-28T19:03:12.5Z":      time.Date(2009, 9, 28, 19, 3, 12, 500_000_000, time.UTC),
		"2009-09-28T19:03:12.000001Z": time.Date(2009, 9, 28, 19, 3, 12, 1_000, time.UTC),
		"0000-01-01T00:00:00Z":        time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59.999999Z": time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		if got := command.FormatTimestamp(at); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What is accepted can be written down again, means what time.Parse says where that accepts it too, and keeps to the
// microsecond.
func FuzzParseTimestamp(f *testing.F) {
	for _, seed := range []string{
		"2009-09-28T19:03:12Z", "2009-09-28t21:03:12.123456+02:00", "0000-01-01T00:00:00-23:59", "9999-12-31T23:59:59.999999z",
		"2016-12-31T23:59:60Z", "2024-02-29T00:00:00-00:00", "2009-09-28T24:00:00,5Z", "", "\xff", strings.Repeat("9", 70),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := command.ParseTimestamp(text)
		if err != nil {
			if len(err.Error()) > 500 {
				t.Errorf("%q: a message of %d bytes", text, len(err.Error()))
			}
			return
		}
		if at.Truncate(time.Microsecond) != at || at.Year() < 0 || at.Year() > 9999 {
			t.Errorf("%q is read as %s", text, at)
		}
		again, err := command.ParseTimestamp(command.FormatTimestamp(at))
		if err != nil || !again.Equal(at) {
			t.Errorf("%q is read as %s, and that as %s: %v", text, at, again, err)
		}
		other, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
		if err != nil || !other.Equal(at) {
			t.Errorf("%q is read as %s, by time.Parse as %s: %v", text, at, other, err)
		}
	})
}

// Every valid moment of some days is accepted: the scanner refuses nothing by accident.
func TestParseTimestamp_ReadsWhatTimeWrites(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{time.UTC, time.FixedZone("", 14*3600), time.FixedZone("", -12*3600), time.FixedZone("", 5*3600+45*60)}
	at := time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		at = at.Add(17*time.Minute + 13*time.Second + 4_321*time.Microsecond)
		text := at.In(zones[i%len(zones)]).Format("2006-01-02T15:04:05.999999Z07:00")
		got, err := command.ParseTimestamp(text)
		if err != nil || !got.Equal(at) {
			t.Fatal(fmt.Errorf("%s is read as %s: %w", text, got, err))
		}
	}
}
