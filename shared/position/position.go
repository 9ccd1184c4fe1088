// Package position names a place in Kafka: topic, partition and offset.
//
// Clients hold positions as opaque text (the Ticket-Position header); the text form topic/partition@offset is ours
// to change. It is a contract between the services and knows nothing of Kafka clients.
package position

import (
	"fmt"
	"regexp"
	"strconv"
)

// Position is where the broker put a record.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64 // counted from 0 within the partition; Unknown where the broker did not say it
}

// Unknown is the offset of a record that the broker acknowledged without saying where it put it.
const Unknown = -1

// Known reports whether the broker said where it put the record.
func (p Position) Known() bool { return p.Offset >= 0 }

// form is topic/partition@offset. Kafka allows only these characters in a topic's name, at most 249 of them.
var form = regexp.MustCompile(`^([a-zA-Z0-9._-]{1,249})/([0-9]{1,10})@([0-9]{1,19})$`)

// Parse reads the text form. Its error says what was expected.
func Parse(text string) (Position, error) {
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return Position{}, fmt.Errorf("a position has the form topic/partition@offset, as the Ticket-Position header gave it")
	}
	partition, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil {
		return Position{}, fmt.Errorf("the position's partition %s is out of range", parts[2])
	}
	offset, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return Position{}, fmt.Errorf("the position's offset %s is out of range", parts[3])
	}
	return Position{Topic: parts[1], Partition: int32(partition), Offset: offset}, nil
}

// String returns the text form topic/partition@offset.
func (p Position) String() string {
	return p.Topic + "/" + strconv.FormatInt(int64(p.Partition), 10) + "@" + strconv.FormatInt(p.Offset, 10)
}
