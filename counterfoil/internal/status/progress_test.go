package status

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestSurvey_PutsCheckpointsBesideWhatTheTopicHolds(t *testing.T) {
	t.Parallel()
	now, then := uuid.New(), uuid.New()
	topic := kafka.Topic{Name: "t", ID: now, Partitions: []kafka.Range{
		{Number: 0, End: 5}, {Number: 1, End: 5}, {Number: 2, First: 3, End: 5}, {Number: 3, End: 5}, {Number: 4},
	}}
	checkpoints := []readmodel.Checkpoint{
		{Topic: "t", Partition: 0, Next: 5, TopicID: &now}, {Topic: "t", Partition: 1, Next: 2, TopicID: &now},
		{Topic: "t", Partition: 2, Next: 1, TopicID: &now}, {Topic: "t", Partition: 3, Next: 5, TopicID: &then},
		{Topic: "other", Partition: 4, Next: 9}, {Topic: "t", Partition: 7, Next: 1, TopicID: &now},
	}
	all := survey(readmodel.Version{Name: "timestamp", Number: 1, Group: "g", State: readmodel.Serving}, topic, checkpoints)
	want := []struct {
		partition int32
		known     bool
		lag       int64
		lost      string
	}{
		{0, true, 0, ""}, {1, true, 3, ""}, {2, true, 2, "begins at offset 3"}, {3, true, 0, "re-created"}, {4, false, 0, ""}, {7, true, 0, "does not exist any more; restore"},
	}
	if len(all) != len(want) {
		t.Fatalf("%d partitions: %+v", len(all), all)
	}
	for i, w := range want {
		got := all[i]
		if got.Partition != w.partition || (got.Checkpoint != nil) != w.known || got.Lag != w.lag || (got.Lost == "") != (w.lost == "") || !strings.Contains(got.Lost, w.lost) {
			t.Errorf("partition %d is %+v", w.partition, got)
		}
		if got.ReadModel != "timestamp/v1" || got.Group != "g" || !got.Serving {
			t.Errorf("partition %d is of %+v", w.partition, got)
		}
	}
}
