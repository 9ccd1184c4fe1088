// Package command is the contract of the timestamp command: what its record in Kafka holds and how it is named.
//
// The command-service writes it, consumers of the topic read it. The forms are published and kept for ever; golden
// bytes in the tests hold them.
package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// TimestampTopic is the default topic of timestamp commands.
const TimestampTopic = "timestamp.command.v1"

// CorrelationHeader is the name of the correlation id in HTTP and of the record header in Kafka.
const CorrelationHeader = "correlationId"

// Timestamp asks for an instant to be kept under an id.
type Timestamp struct {
	ID uuid.UUID
	At time.Time // whole microseconds
}

// Key returns the record's key: the command id, so that a command's repeats share a partition.
func (c Timestamp) Key() []byte { return []byte(c.ID.String()) }

// Value returns the record's value, {"command_id":"…","event_timestamp":"…"}.
func (c Timestamp) Value() []byte {
	return []byte(`{"command_id":"` + c.ID.String() + `","event_timestamp":"` + FormatTimestamp(c.At) + `"}`)
}

// NewID returns an id for a command that nobody will repeat: a UUIDv7 (RFC 9562, section 5.7), whose order in time
// keeps inserts into the read model's primary key at its right edge.
func NewID() (uuid.UUID, error) { return uuid.NewV7() }

// idSpace is the name space of ids derived from an Idempotency-Key. Changing it would break every repeat under way.
var idSpace = uuid.MustParse("7c52e0f4-4d3c-5f53-9a65-2d0b6b1f0c11")

// IDFromKey returns the id that belongs to an Idempotency-Key: a UUIDv5 (RFC 9562, section 5.5), so that a repeat gets
// the same ticket from any process without a store (G3). The key is 1 to 255 visible ASCII characters.
func IDFromKey(key string) (uuid.UUID, error) {
	if key == "" || len(key) > 255 {
		return uuid.Nil, fmt.Errorf("an Idempotency-Key has 1 to 255 characters, this one has %d", len(key))
	}
	if strings.IndexFunc(key, func(r rune) bool { return r < '!' || r > '~' }) >= 0 {
		return uuid.Nil, fmt.Errorf("an Idempotency-Key has only visible ASCII characters without spaces; a UUID is a good one")
	}
	return uuid.NewSHA1(idSpace, []byte(key)), nil
}
