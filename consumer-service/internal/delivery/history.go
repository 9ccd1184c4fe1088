package delivery

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// lostHistory returns a fault of that kind when the topic does not hold what the checkpoint says comes next (G11).
func lostHistory(assigned kafka.Assignment, checkpoint readmodel.Checkpoint, exists bool) error {
	lost := func(format string, args ...any) error {
		return fault.New(fault.CodeLostHistory, fmt.Sprintf("partition %d of topic %s ", assigned.Number, assigned.Topic)+
			fmt.Sprintf(format, args...)+"; restore the topic, or accept the loss by counterfoil history accept", nil)
	}
	switch {
	case !exists && assigned.First > 0:
		return lost("begins at offset %d: the records before it are gone and were never applied", assigned.First)
	case !exists:
		return nil
	case checkpoint.TopicID != nil && assigned.TopicID != uuid.Nil && *checkpoint.TopicID != assigned.TopicID:
		return lost("was re-created: the checkpoint %d belongs to the topic's earlier life", checkpoint.Next)
	case checkpoint.Next < assigned.First:
		return lost("begins at offset %d, but %d is the next to apply: the records between are gone", assigned.First, checkpoint.Next)
	case checkpoint.Next > assigned.End:
		return lost("ends at offset %d, but %d is the next to apply: its end was lost", assigned.End, checkpoint.Next)
	}
	return nil
}

// acceptedLoss returns where to go on, if somebody decided that for the topic as it is now. A decision does not hold for
// a topic of another identity, nor when more is gone than was decided about.
func acceptedLoss(assigned kafka.Assignment, losses []apply.Loss) (next int64, decided bool) {
	for _, loss := range losses {
		sameTopic := loss.TopicID == nil || *loss.TopicID == assigned.TopicID
		if sameTopic && loss.Next >= assigned.First && loss.Next <= assigned.End {
			return loss.Next, true
		}
	}
	return 0, false
}
