package delivery

import (
	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// lostHistory returns a fault of that kind when the topic does not hold what the checkpoint says comes next (G11).
func lostHistory(assigned kafka.Assignment, checkpoint readmodel.Checkpoint, exists bool) error {
	history := readmodel.History{
		Topic: assigned.Topic, TopicID: assigned.TopicID, Partition: assigned.Number, First: assigned.First, End: assigned.End,
	}
	if !exists {
		return history.Lost(nil)
	}
	return history.Lost(&checkpoint)
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
