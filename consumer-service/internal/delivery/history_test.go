package delivery

import (
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

func TestAcceptedLoss_HoldsForTheTopicAsItWasDecidedAbout(t *testing.T) {
	t.Parallel()
	now, before := uuid.New(), uuid.New()
	assigned := kafka.Assignment{TopicID: now, First: 5, End: 9}
	for name, c := range map[string]struct {
		losses  []apply.Loss
		next    int64
		decided bool
	}{
		"nobody decided":                {nil, 0, false},
		"decided":                       {[]apply.Loss{{TopicID: &now, Next: 5}}, 5, true},
		"the latest counts":             {[]apply.Loss{{TopicID: &now, Next: 7}, {TopicID: &now, Next: 5}}, 7, true},
		"about an earlier topic":        {[]apply.Loss{{TopicID: &before, Next: 5}}, 0, false},
		"more was deleted since":        {[]apply.Loss{{TopicID: &now, Next: 4}}, 0, false},
		"its end is gone too":           {[]apply.Loss{{TopicID: &now, Next: 10}}, 0, false},
		"by a broker that says no more": {[]apply.Loss{{Next: 9}}, 9, true},
	} {
		if next, decided := acceptedLoss(assigned, c.losses); next != c.next || decided != c.decided {
			t.Errorf("%s: %d, %t, want %d, %t", name, next, decided, c.next, c.decided)
		}
	}
}
