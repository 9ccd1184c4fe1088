package rig

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Replicas returns the node ids of the partition's leader and of the other replicas that are in sync.
func (r *Rig) Replicas(partition int32) (leader int32, followers []int32) {
	r.t.Helper()
	r.await(func(ctx context.Context) error {
		detail, err := r.describe(ctx, partition)
		leader, followers = detail.Leader, nil
		for _, id := range detail.ISR {
			if id != leader {
				followers = append(followers, id)
			}
		}
		return err
	})
	return leader, followers
}

// AwaitInSync waits until all replicas of all partitions are in sync and have a leader.
func (r *Rig) AwaitInSync() {
	r.t.Helper()
	for partition := range r.Ends() {
		r.await(func(ctx context.Context) error {
			detail, err := r.describe(ctx, partition)
			if err == nil && len(detail.ISR) != len(detail.Replicas) {
				err = fmt.Errorf("partition %d has %d of %d replicas in sync", partition, len(detail.ISR), len(detail.Replicas))
			}
			return err
		})
	}
}

func (r *Rig) describe(ctx context.Context, partition int32) (kadm.PartitionDetail, error) {
	client, err := r.newKafka()
	if err != nil {
		return kadm.PartitionDetail{}, err
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(ctx, r.Topic)
	if err != nil {
		return kadm.PartitionDetail{}, err
	}
	detail, there := topics[r.Topic].Partitions[partition]
	if !there || detail.Leader < 0 {
		return detail, fmt.Errorf("partition %d has no leader", partition)
	}
	return detail, detail.Err
}

// InFlight returns how many commands wait for Kafka's acknowledgement.
func (r *Rig) InFlight(ctx context.Context) (float64, error) {
	return r.Command.Metric(ctx, "counterfoil_produce_in_flight")
}

// AwaitInFlight waits until at least that many commands wait for Kafka's acknowledgement.
func (r *Rig) AwaitInFlight(least float64) {
	r.t.Helper()
	r.await(func(ctx context.Context) error {
		n, err := r.InFlight(ctx)
		if err == nil && n < least {
			err = fmt.Errorf("%v commands are in flight", n)
		}
		return err
	})
}
