package delivery

import (
	"context"

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

// goOn asks where to go on after lost history.
func (h *Handler) goOn(ctx context.Context, assigned kafka.Assignment, checkpoint readmodel.Checkpoint, exists bool) (next int64, decided bool, err error) {
	if !exists {
		return h.applier.GoOn(ctx, assigned, nil)
	}
	return h.applier.GoOn(ctx, assigned, &checkpoint)
}
