package kafka

import (
	"time"

	"github.com/counterfoil/counterfoil/shared/position"
)

// Record is a record as the broker gave it.
type Record struct {
	Position  position.Position
	Timestamp time.Time // the broker's where the topic has LogAppendTime; whole milliseconds
	Key       []byte    // nil where the record has none
	Value     []byte    // nil for a null value
	Headers   []Header  // in the order of the record
}

// Header is one header of a record; keys may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Header returns the value of the last header of that name, or nil.
func (r Record) Header(name string) []byte {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return r.Headers[i].Value
		}
	}
	return nil
}

// overhead is what a record costs in memory beside its bytes.
const overhead = 256

func (r Record) size() int {
	size := overhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	return size
}
