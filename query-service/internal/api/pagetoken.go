package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// A page token is base64url of: 8 bytes of a hash, 8 bytes of microseconds, 16 bytes of id, the read model's label. The hash
// covers the rest and the span. It finds tokens that were damaged, made up, or given with another span; it is no secret,
// because whoever makes a token that fits can only read from a place that from= would have given as well.
const (
	tokenSum    = 8
	tokenPlace  = tokenSum + 8 + 16
	tokenLabel  = 64 // the longest label that is believed
	tokenFormat = "counterfoil page token 1"
)

// pageToken returns the token of the page behind the place.
func pageToken(place read.Place, span read.Span) string {
	raw := make([]byte, tokenSum, tokenPlace+len(place.ReadModel))
	raw = binary.BigEndian.AppendUint64(raw, uint64(place.At.UnixMicro()))
	raw = append(raw, place.ID[:]...)
	raw = append(raw, place.ReadModel...)
	copy(raw, tokenHash(raw[tokenSum:], span))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parsePageToken returns the place that the token names. The token must have been made for the same span.
func parsePageToken(token string, span read.Span) (read.Place, error) {
	unusable := fault.New(fault.CodeInvalidPageToken,
		"Give the next_page_token of the page before, with the same from and to, or begin again without a page token.", nil)
	if len(token) > base64.RawURLEncoding.EncodedLen(tokenPlace+tokenLabel) {
		return read.Place{}, unusable
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= tokenPlace || string(raw[:tokenSum]) != string(tokenHash(raw[tokenSum:], span)) {
		return read.Place{}, unusable
	}
	return read.Place{
		ReadModel: string(raw[tokenPlace:]),
		At:        time.UnixMicro(int64(binary.BigEndian.Uint64(raw[tokenSum:]))).UTC(),
		ID:        uuid.UUID(raw[tokenSum+8 : tokenPlace]),
	}, nil
}

func tokenHash(place []byte, span read.Span) []byte {
	h := sha256.New()
	h.Write([]byte(tokenFormat))
	for _, end := range []*time.Time{span.From, span.To} {
		h.Write([]byte{0})
		if end != nil {
			h.Write([]byte(command.FormatTimestamp(*end)))
		}
	}
	h.Write([]byte{0})
	h.Write(place)
	return h.Sum(nil)[:tokenSum]
}
