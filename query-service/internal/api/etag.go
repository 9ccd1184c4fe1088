package api

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// entityTag returns a strong validator (RFC 9110, section 8.8.3): equal tags mean the same bytes from the same version.
func entityTag(readModel string, body []byte) string {
	var room [512]byte // enough for most rows, so that they are not copied to the heap
	sum := sha256.Sum256(append(append(append(room[:0], readModel...), '\n'), body...))
	var tag [34]byte
	tag[0], tag[33] = '"', '"'
	hex.Encode(tag[1:33], sum[:16])
	return string(tag[:])
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
		if given == tag[1:len(tag)-1] {
			return true
		}
		rest = after
	}
}
