//go:build apache

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

func cluster(t *testing.T) *apache.Cluster {
	t.Helper()
	cluster, err := apache.Start(t.Context(), apache.Config{Nodes: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// Each round kills the leader of a partition of real Kafka while commands wait for its acknowledgement: a follower stands
// still, so what the leader appended meanwhile is not replicated, and is lost with it. Nobody was told that it is kept.
func TestG1_TheLeaderDiesWithAcknowledgementsOutstanding(t *testing.T) {
	cluster := cluster(t)
	r := rig.New(t, rig.Config{Cluster: cluster.String(), Consumers: 2})
	r.Begin()
	r.Moving()
	for round := range 3 {
		leader, followers := r.Replicas(int32(round))
		if len(followers) != 2 {
			t.Fatalf("partition %d has %d followers", round, len(followers))
		}
		must(t, cluster.FreezeNode(int(followers[0])-1))
		r.AwaitInFlight(10)
		must(t, cluster.KillNode(int(leader)-1))
		must(t, cluster.ThawNode(int(followers[0])-1))
		account.Injected("leader of a partition killed with acknowledgements outstanding")
		r.Moving()
		must(t, cluster.StartNode(t.Context(), int(leader)-1))
		r.AwaitInSync()
		r.Moving()
		account.Measured(fmt.Sprintf("node %d, leader of partition %d, killed", leader, round), r)
	}
	r.Heal()
	account.Judged("leaders killed", r)
}

// TestG4_ScalingOnApacheKafka is TestG4_ScalingAndRollingRestartsLoseAndDoubleNothing on real Kafka.
func TestG4_ScalingOnApacheKafka(t *testing.T) {
	scale(rig.New(t, rig.Config{Cluster: cluster(t).String(), Readers: 1}))
}

// TestFaults_ConsumersOnApacheKafka breaks consumers as TestFaults_OneByOne does, on real Kafka.
func TestFaults_ConsumersOnApacheKafka(t *testing.T) {
	if !asked() {
		return
	}
	seed := seed(t)
	account.Seed(seed)
	r := rig.New(t, rig.Config{Cluster: cluster(t).String(), Seed: seed, Consumers: 2})
	random := rand.New(rand.NewPCG(seed, 1))
	r.Begin()
	oneByOne(r, random, append(append(processFaults(), crashFaults()...), scaleFaults()...))
	account.Judged("consumers on Apache Kafka, one by one", r)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
