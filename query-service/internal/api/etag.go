package api

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// entityTag returns a strong validator (RFC 9110, section 8.8.3): equal tags mean the same bytes from the same version.
func entityTag(readModel string, body []byte) string {
	sum := sha256.Sum256(append([]byte(readModel+"\n"), body...))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// noneMatch reports whether the If-None-Match fields name the tag, so that the client has the representation already (RFC
// 9110, section 13.1.2: * names every one, and tags are compared weakly, without their W/).
func noneMatch(fields []string, tag string) bool {
	rest := strings.Join(fields, ",")
	if strings.TrimSpace(rest) == "*" {
		return true
	}
	for {
		// A tag may hold commas, so the list cannot be split at them.
		_, after, ok := strings.Cut(rest, `"`)
		if !ok {
			return false
		}
		given, after, ok := strings.Cut(after, `"`)
		if !ok {
			return false
		}
		if `"`+given+`"` == tag {
			return true
		}
		rest = after
	}
}
