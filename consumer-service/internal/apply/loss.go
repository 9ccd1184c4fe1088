package apply

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// loss is a decision to go on although records are gone.
type loss struct {
	TopicID    *uuid.UUID // the topic that it was decided about; nil where the broker did not say
	Checkpoint *int64     // the checkpoint that was refused; nil where there was none
	Next       int64      // where to go on
}

// GoOn returns where to go on after the history of the partition was lost, if somebody decided that (G11).
func (a *Applier) GoOn(ctx context.Context, assigned kafka.Assignment, checkpoint *readmodel.Checkpoint) (next int64, decided bool, err error) {
	losses, err := collect(ctx, a.Pool, pgx.RowToStructByPos[loss], `
		SELECT topic_id, checkpoint, "offset" FROM counterfoil.decisions
		WHERE decision = 'accept-loss' AND read_model = $1 AND topic = $2 AND partition = $3
		ORDER BY control_topic, control_partition, control_offset DESC`, a.declaration.Name, assigned.Topic, assigned.Number)
	if err != nil {
		return 0, false, postgres.Classify(fmt.Errorf("read what was decided about lost history: %w", err))
	}
	next, decided = accepted(assigned, checkpoint, losses)
	return next, decided, nil
}

// accepted returns where to go on by the first of the decisions that holds. A decision does not hold for a topic of another
// identity, nor when more is gone than was decided about, nor for a later loss: the checkpoint must be the one that was
// refused then. A rebuild has none, and whatever was accepted before is accepted again (G7).
func accepted(assigned kafka.Assignment, checkpoint *readmodel.Checkpoint, losses []loss) (next int64, decided bool) {
	for _, l := range losses {
		sameTopic := l.TopicID == nil || *l.TopicID == assigned.TopicID
		sameLoss := checkpoint == nil || l.Checkpoint != nil && *l.Checkpoint == checkpoint.Next
		if sameTopic && sameLoss && l.Next >= assigned.First && l.Next <= assigned.End {
			return l.Next, true
		}
	}
	return 0, false
}
