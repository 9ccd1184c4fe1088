package apply

import (
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestG11_AnAcceptedLossIsTheOneThatWasDecidedAbout(t *testing.T) {
	t.Parallel()
	now, before, at := uuid.New(), uuid.New(), int64(3)
	assigned := kafka.Assignment{TopicID: now, First: 5, End: 9}
	refused := &readmodel.Checkpoint{Next: 3, TopicID: &now}
	for name, c := range map[string]struct {
		checkpoint *readmodel.Checkpoint
		losses     []loss
		next       int64
		decided    bool
	}{
		"nobody decided":                {refused, nil, 0, false},
		"decided":                       {refused, []loss{{&now, &at, 5}}, 5, true},
		"the latest counts":             {refused, []loss{{&now, &at, 7}, {&now, &at, 5}}, 7, true},
		"about an earlier topic":        {refused, []loss{{&before, &at, 5}}, 0, false},
		"more was deleted since":        {refused, []loss{{&now, &at, 4}}, 0, false},
		"its end is gone too":           {refused, []loss{{&now, &at, 10}}, 0, false},
		"a later loss":                  {&readmodel.Checkpoint{Next: 100, TopicID: &now}, []loss{{&now, &at, 5}}, 0, false},
		"a rebuild":                     {nil, []loss{{&now, &at, 5}}, 5, true},
		"by a broker that says no more": {refused, []loss{{nil, &at, 9}}, 9, true},
		"nothing was ever applied":      {nil, []loss{{&now, nil, 5}}, 5, true},
	} {
		if next, decided := accepted(assigned, c.checkpoint, c.losses); next != c.next || decided != c.decided {
			t.Errorf("%s: %d, %t, want %d, %t", name, next, decided, c.next, c.decided)
		}
	}
}
