package rig

import (
	"context"
	"fmt"
)

// AwaitShared waits until every consumer-service is ready and has a share of the topic's partitions, which together are all
// of them.
func (r *Rig) AwaitShared() {
	r.t.Helper()
	partitions := len(r.Ends())
	r.await(func(ctx context.Context) error {
		sum := 0
		for _, s := range r.Consumers {
			if err := s.ready(ctx); err != nil {
				return err
			}
			_, share, err := s.process.Metric(ctx, "counterfoil_lag_records", fmt.Sprintf("topic=%q", r.Topic))
			if err != nil || share == 0 {
				return fmt.Errorf("%s has no partition: %w", s.Name, err)
			}
			sum += share
		}
		if sum != partitions {
			return fmt.Errorf("the consumers have %d of %d partitions", sum, partitions)
		}
		return nil
	})
}

// Joined waits until the service says that it began a session of its read model's group after what it has said so far.
func (r *Rig) Joined(s *Service) {
	r.t.Helper()
	before := len(s.process.Find("joined", "group_id", group))
	r.await(func(context.Context) error {
		if len(s.process.Find("joined", "group_id", group)) == before {
			return fmt.Errorf("%s has not joined again", s.Name)
		}
		return nil
	})
}

// group is the consumer group of the timestamp read model.
const group = "timestamp-consumer.timestamp.v1"

// Ends returns the offset behind the last record of each partition of the topic.
func (r *Rig) Ends() map[int32]int64 {
	r.t.Helper()
	var ends map[int32]int64
	r.await(func(ctx context.Context) (err error) {
		ends, err = r.ends(ctx)
		return err
	})
	return ends
}
