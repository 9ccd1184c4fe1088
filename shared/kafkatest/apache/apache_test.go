//go:build apache

package apache_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

func TestStart_OneNodeStampsRecordsWithItsOwnClock(t *testing.T) {
	cluster := start(t, apache.Config{Nodes: 1, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	at := kafkatest.At(t, cluster.String())
	topic := at.Topic(1)
	before := time.Now().Truncate(time.Millisecond)
	at.Produce(topic, kafkatest.Record{Timestamp: time.Unix(1, 0), Value: []byte("old")})
	got := at.Records(topic, 1)[0]
	if got.Timestamp.Before(before) || got.Timestamp.After(time.Now()) {
		t.Fatalf("stamped %s, and it was produced after %s", got.Timestamp, before)
	}
}

func TestKillNode_ReplicatedRecordsStayAndTheNodeComesBack(t *testing.T) {
	cluster := start(t, apache.Config{Nodes: 3})
	at := kafkatest.At(t, cluster.String())
	topic := at.Topic(3)
	at.Produce(topic, kafkatest.Record{Partition: 0}, kafkatest.Record{Partition: 1}, kafkatest.Record{Partition: 2})
	if err := cluster.KillNode(1); err != nil {
		t.Fatal(err)
	}
	at.Produce(topic, kafkatest.Record{Partition: 0}, kafkatest.Record{Partition: 1}, kafkatest.Record{Partition: 2})
	if got := at.Records(topic, 6); len(got) != 6 {
		t.Fatalf("%d records", len(got))
	}
	if err := cluster.StartNode(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := cluster.StopNode(0); err != nil {
		t.Fatal(err)
	}
	if got := at.Records(topic, 6); len(got) != 6 {
		t.Fatalf("%d records", len(got))
	}
}

func start(t *testing.T, cfg apache.Config) *apache.Cluster {
	t.Helper()
	began := time.Now()
	cluster, err := apache.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes after %s", cfg.Nodes, time.Since(began))
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}
