package rig

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// BrokerFaults are answers that a real broker gives rarely. Those to produce requests with a timeout, and those that say
// "after append", come after the records were appended.
var BrokerFaults = map[string]func(cluster *kfake.Cluster, topic string){
	"produce: not the leader":                     answering(kerr.NotLeaderForPartition, 10, kmsg.Produce),
	"produce: timed out after append":             answering(kerr.RequestTimedOut, 3, kmsg.Produce),
	"produce: not enough replicas after append":   answering(kerr.NotEnoughReplicasAfterAppend, 5, kmsg.Produce),
	"produce: not enough replicas":                answering(kerr.NotEnoughReplicas, 10, kmsg.Produce),
	"produce: the producer is not known any more": answering(kerr.UnknownProducerID, 2, kmsg.Produce),
	"produce: out of order sequence":              answering(kerr.OutOfOrderSequenceNumber, 2, kmsg.Produce),
	"produce: storage error":                      answering(kerr.KafkaStorageError, 5, kmsg.Produce),
	"produce: unknown error":                      answering(kerr.UnknownServerError, 2, kmsg.Produce),
	"fetch: not the leader":                       answering(kerr.NotLeaderForPartition, 10, kmsg.Fetch),
	"fetch: offset out of range":                  answering(kerr.OffsetOutOfRange, 2, kmsg.Fetch),
	"fetch: unknown topic or partition":           answering(kerr.UnknownTopicOrPartition, 3, kmsg.Fetch),
	"group: coordinator moved":                    answering(kerr.NotCoordinator, 5, kmsg.Heartbeat, kmsg.OffsetCommit, kmsg.JoinGroup),
	"group: coordinator loads":                    answering(kerr.CoordinatorLoadInProgress, 5, kmsg.JoinGroup, kmsg.OffsetFetch, kmsg.OffsetCommit),
	"group: member unknown":                       answering(kerr.UnknownMemberID, 2, kmsg.Heartbeat),
	"group: illegal generation":                   answering(kerr.IllegalGeneration, 3, kmsg.OffsetCommit),
	"group: rebalance":                            answering(kerr.RebalanceInProgress, 1, kmsg.Heartbeat),
	"metadata: leader not available":              answering(kerr.LeaderNotAvailable, 5, kmsg.Metadata),
}

// answering has the next requests of the kinds that concern the topic, or any group, answered with the error.
func answering(err *kerr.Error, count int, kinds ...kmsg.Key) func(*kfake.Cluster, string) {
	return func(cluster *kfake.Cluster, topic string) {
		for _, kind := range kinds {
			fault := kfake.Fault{Keys: []kmsg.Key{kind}, Err: err, Count: count}
			switch kind {
			case kmsg.Produce, kmsg.Fetch, kmsg.Metadata:
				fault.Topic = topic
			}
			cluster.Fault(fault)
		}
	}
}
