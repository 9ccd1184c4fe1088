package readmodel_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestGoOn_IsWhereTheTopicStillHoldsWhatWasNotApplied(t *testing.T) {
	t.Parallel()
	now, before := uuid.New(), uuid.New()
	history := readmodel.History{Topic: "t", TopicID: now, First: 5, End: 9}
	for name, c := range map[string]struct {
		checkpoint *readmodel.Checkpoint
		want       int64
	}{
		"nothing was applied":         {nil, 5},
		"records between are gone":    {&readmodel.Checkpoint{Next: 3, TopicID: &now}, 5},
		"the end was lost":            {&readmodel.Checkpoint{Next: 12, TopicID: &now}, 9},
		"the topic was re-created":    {&readmodel.Checkpoint{Next: 7, TopicID: &before}, 5},
		"re-created, and far behind":  {&readmodel.Checkpoint{Next: 12, TopicID: &before}, 5},
		"an old broker says no topic": {&readmodel.Checkpoint{Next: 12}, 9},
	} {
		if history.Lost(c.checkpoint) == nil {
			t.Errorf("%s: nothing is lost", name)
		}
		if got := history.GoOn(c.checkpoint); got != c.want {
			t.Errorf("%s: go on at %d, want %d", name, got, c.want)
		}
	}
}
