package status

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Progress is how far a version of a read model is in one partition.
type Progress struct {
	ReadModel  string     `json:"read_model"`
	Serving    bool       `json:"serving"`
	Group      string     `json:"group"`
	Topic      string     `json:"topic"`
	Partition  int32      `json:"partition"`
	Checkpoint *int64     `json:"checkpoint"` // nil before the first batch
	First      int64      `json:"first"`
	End        int64      `json:"end"`
	Lag        int64      `json:"lag"` // records that are still to be applied
	ChangedAt  *time.Time `json:"changed_at"`
	Lost       string     `json:"lost,omitempty"` // why records that are still needed are gone from the topic (G11)
}

// Survey returns the progress of the versions that are kept current, in every partition of their topics.
func Survey(ctx context.Context, db readmodel.Database, admin *kafka.Admin, versions []readmodel.Declared) ([]Progress, error) {
	var all []Progress
	for _, version := range versions {
		if !version.State.Kept() {
			continue
		}
		checkpoints, err := readmodel.Checkpoints(ctx, db, version.Group)
		if err != nil {
			return nil, fmt.Errorf("read the checkpoints of %s: %w", version.Label(), err)
		}
		for _, name := range version.Declaration.Topics() {
			topic, exists, err := admin.Topic(name)
			if err != nil {
				return nil, err
			}
			if !exists {
				topic = kafka.Topic{Name: name}
			}
			all = append(all, survey(version.Version, topic, checkpoints)...)
		}
	}
	return all, nil
}

// survey puts what the topic holds beside what the checkpoints say.
func survey(version readmodel.Version, topic kafka.Topic, checkpoints []readmodel.Checkpoint) []Progress {
	var all []Progress
	for _, r := range topic.Partitions {
		p := Progress{
			ReadModel: version.Label(), Serving: version.Serving(), Group: version.Group,
			Topic: topic.Name, Partition: r.Number, First: r.First, End: r.End,
		}
		checkpoint := Find(checkpoints, topic.Name, r.Number)
		next := int64(0)
		if checkpoint != nil {
			next, p.Checkpoint, p.ChangedAt = checkpoint.Next, &checkpoint.Next, &checkpoint.ChangedAt
		}
		p.Lag = max(0, r.End-max(next, r.First))
		if err := (readmodel.History{Topic: topic.Name, TopicID: topic.ID, Partition: r.Number, First: r.First, End: r.End}).Lost(checkpoint); err != nil {
			p.Lost = err.Error()
		}
		all = append(all, p)
	}
	for _, c := range checkpoints {
		if c.Topic == topic.Name && int(c.Partition) >= len(topic.Partitions) {
			all = append(all, Progress{
				ReadModel: version.Label(), Serving: version.Serving(), Group: version.Group,
				Topic: topic.Name, Partition: c.Partition, Checkpoint: &c.Next, ChangedAt: &c.ChangedAt,
				Lost: fmt.Sprintf("partition %d of topic %s does not exist any more; restore the topic, or start the command-service, "+
					"which makes it again, and then accept the loss: counterfoil history accept --help", c.Partition, topic.Name),
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Progress) int { return cmp.Compare(a.Partition, b.Partition) })
	return all
}

// Find returns the checkpoint of the partition, or nil where there is none.
func Find(checkpoints []readmodel.Checkpoint, topic string, partition int32) *readmodel.Checkpoint {
	for i, c := range checkpoints {
		if c.Topic == topic && c.Partition == partition {
			return &checkpoints[i]
		}
	}
	return nil
}
