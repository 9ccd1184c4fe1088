package readmodel

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// History is what a partition of a topic holds.
type History struct {
	Topic     string
	TopicID   uuid.UUID // uuid.Nil where the broker is too old to say
	Partition int32
	First     int64 // the first offset that it still holds
	End       int64 // the offset of the next record to be written
}

// Lost returns a fault of kind LostHistory, with its cure, when the partition does not hold what is to be applied next
// (G11). The checkpoint is nil where there is none; then everything from offset 0 on is needed.
func (h History) Lost(checkpoint *Checkpoint) error {
	place := fmt.Sprintf("partition %d of topic %s", h.Partition, h.Topic)
	const cure = "restore the topic, or accept the loss: counterfoil history accept --help"
	lost := func(format string, args ...any) error {
		return fault.New(fault.CodeLostHistory, place+" "+fmt.Sprintf(format, args...)+"; "+cure, nil)
	}
	switch {
	case checkpoint == nil && h.First > 0:
		return lost("begins at offset %d: the records before it are gone and were never applied", h.First)
	case checkpoint == nil:
		return nil
	case checkpoint.TopicID != nil && h.TopicID != uuid.Nil && *checkpoint.TopicID != h.TopicID:
		return lost("was re-created: the checkpoint %d belongs to the topic's earlier life", checkpoint.Next)
	case checkpoint.Next < h.First:
		return lost("begins at offset %d, but %d is the next to apply: the records between are gone", h.First, checkpoint.Next)
	case checkpoint.Next > h.End:
		return lost("ends at offset %d, but %d is the next to apply: its end was lost", h.End, checkpoint.Next)
	}
	return nil
}

// GoOn returns where to go on if the loss is accepted: at the first record that is there, and where only the topic's end
// was lost, at its end, since everything before that was applied.
func (h History) GoOn(checkpoint *Checkpoint) int64 {
	recreated := checkpoint != nil && checkpoint.TopicID != nil && h.TopicID != uuid.Nil && *checkpoint.TopicID != h.TopicID
	if checkpoint != nil && !recreated && checkpoint.Next > h.End {
		return h.End
	}
	return h.First
}
