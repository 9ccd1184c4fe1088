package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/web"
)

func TestPreference_IsFoundWhereverItStandsAndNotInQuotes(t *testing.T) {
	t.Parallel()
	const none = "(none)"
	for lines, want := range map[string]string{
		``:                           none,
		`wait`:                       ``,
		`wait=`:                      ``,
		`wait=""`:                    ``,
		`wait=10`:                    `10`,
		"\t WAIT = 10 ":              `10`,
		`wait="10"`:                  `10`,
		`wait=10; x="a;b"`:           `10`,
		`respond-async, wait=10`:     `10`,
		"respond-async\nwait=10":     `10`,
		`wait=10, wait=20`:           `10`,
		"wait=10\nwait=20":           `10`,
		`x="a, wait=10"`:             none,
		`x="a\", wait=10, b"`:        none,
		`x="a\\", wait=10`:           `10`,
		`x=y; z="a, wait=1", wait=2`: `2`,
		`x; wait=10`:                 none,
		`waiting=10`:                 none,
		`x="never closed, wait=10`:   none,
		"x=\"never closed\nwait=10":  `10`,
		`x="\`:                       none,
		`,;,=,;=;"",,wait=10`:        `10`,
	} {
		header := http.Header{}
		for line := range strings.SplitSeq(lines, "\n") {
			header.Add("Prefer", line)
		}
		got, stated := web.Preference(header, "wait")
		if !stated {
			got = none
		}
		if got != want {
			t.Errorf("%q states %q, want %q", lines, got, want)
		}
	}
}
