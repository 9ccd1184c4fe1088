package web

import (
	"net/http"
	"strings"
)

// Preference returns the value of a preference, "" where it has none, and whether the request states it (RFC 7240,
// section 2). As there, the first instance counts.
func Preference(header http.Header, preference string) (value string, stated bool) {
	for _, line := range header.Values("Prefer") {
		for line != "" {
			var item string
			item, line = cutUnquoted(line, ',')
			item, _ = cutUnquoted(item, ';') // of its parameters, of which none is known
			name, value, _ := strings.Cut(item, "=")
			if strings.EqualFold(strings.TrimSpace(name), preference) {
				return strings.Trim(strings.TrimSpace(value), `"`), true
			}
		}
	}
	return "", false
}

// cutUnquoted cuts the text at the first separator that is not within quotes (RFC 9110, section 5.6.4).
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
