package readmodel_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestHistory_IsLostWhereTheTopicLacksWhatComesNext(t *testing.T) {
	t.Parallel()
	then, now := uuid.New(), uuid.New()
	at := func(next int64, topic *uuid.UUID) *readmodel.Checkpoint {
		return &readmodel.Checkpoint{Next: next, TopicID: topic}
	}
	for name, c := range map[string]struct {
		first, end int64
		checkpoint *readmodel.Checkpoint
		lost       string
	}{
		"nothing applied, whole topic":        {0, 5, nil, ""},
		"nothing applied, beginning gone":     {2, 5, nil, "begins at offset 2"},
		"caught up":                           {0, 5, at(5, &now), ""},
		"caught up, beginning gone":           {5, 5, at(5, &now), ""},
		"what comes next is gone":             {3, 5, at(2, &now), "begins at offset 3"},
		"the end is gone":                     {0, 5, at(6, &now), "ends at offset 5"},
		"another topic of the same name":      {0, 5, at(5, &then), "re-created"},
		"checkpoint older than identities":    {0, 5, at(5, nil), ""},
		"nothing applied of the empty topic":  {0, 0, at(0, &now), ""},
		"beginning gone exactly to the point": {2, 5, at(2, &now), ""},
	} {
		h := readmodel.History{Topic: "t", TopicID: now, Partition: 3, First: c.first, End: c.end}
		err := h.Lost(c.checkpoint)
		switch {
		case c.lost == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.lost != "" && (!fault.Is(err, fault.LostHistory) || !strings.Contains(err.Error(), c.lost)):
			t.Errorf("%s: got %v, want one that says %q", name, err, c.lost)
		}
	}
}
