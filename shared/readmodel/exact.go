package readmodel

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var errUnkeepable = errors.New("has a NUL, broken UTF-8 or half of a surrogate pair, which PostgreSQL cannot keep")

// exact reports whether the strings of valid JSON can be kept as they are: they are UTF-8, and escape neither a NUL nor half
// of a surrogate pair (RFC 8259, section 8.2). Else encoding/json would put U+FFFD in the place of what was sent, and nobody
// would know.
func exact(raw string) bool {
	if !utf8.ValidString(raw) {
		return false
	}
	for at := strings.IndexByte(raw, '\\'); at >= 0; at = strings.IndexByte(raw, '\\') {
		unit, rest := escape(raw[at:])
		if utf16.IsSurrogate(unit) {
			var other rune
			other, rest = escape(rest)
			if utf16.DecodeRune(unit, other) == utf8.RuneError {
				return false
			}
		}
		if unit == 0 {
			return false
		}
		raw = rest
	}
	return true
}

// escape returns the code unit that the text begins with as \uXXXX, -1 where it does not, and what follows.
func escape(text string) (unit rune, rest string) {
	if len(text) < 6 || text[:2] != `\u` {
		return -1, text[min(2, len(text)):]
	}
	n, _ := strconv.ParseUint(text[2:6], 16, 16)
	return rune(n), text[6:]
}
