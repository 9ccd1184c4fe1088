package kafka_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func openAdmin(t *testing.T) *kafka.Admin {
	t.Helper()
	admin, err := kafka.Config{Brokers: strings.Split(kafkatest.Broker(t), ",")}.OpenAdmin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

func TestAdmin_CheckingAMissingTopicDoesNotCreateIt(t *testing.T) {
	t.Parallel()
	admin := openAdmin(t)
	for range 2 {
		if _, exists, err := admin.CheckTopic(kafka.TopicSpec{Name: "nobody.made.this"}); err != nil || exists {
			t.Fatalf("CheckTopic says exists %v, error %v", exists, err)
		}
		if _, exists, err := admin.Topic("nobody.made.this"); err != nil || exists {
			t.Fatalf("Topic says exists %v, error %v", exists, err)
		}
	}
}

func TestAdmin_ACommandTopicHasNothingToWarnOf(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 2)
	warnings, exists, err := openAdmin(t).CheckTopic(kafka.TopicSpec{Name: topic})
	if err != nil || !exists || len(warnings) > 0 {
		t.Fatalf("CheckTopic says exists %v, warnings %q, error %v", exists, warnings, err)
	}
}

func TestAdmin_TooFewReplicasAreNamed(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	warnings, _, err := openAdmin(t).CheckTopic(kafka.TopicSpec{Name: topic, Replication: 5, MinInSync: 4})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"min.insync.replicas=4", "replication factor of 5"} {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no warning names %q: %q", want, warnings)
		}
	}
}

func TestAdmin_TopicTellsTheRangeOfEachPartition(t *testing.T) {
	t.Parallel()
	name := kafkatest.Topic(t, 3)
	kafkatest.Produce(t, name, kafkatest.Record{Partition: 1}, kafkatest.Record{Partition: 1})
	topic, exists, err := openAdmin(t).Topic(name)
	if err != nil || !exists {
		t.Fatalf("exists %v, error %v", exists, err)
	}
	want := []kafka.Range{{Number: 0}, {Number: 1, End: 2}, {Number: 2}}
	if !slices.Equal(topic.Partitions, want) {
		t.Errorf("partitions are %+v, want %+v", topic.Partitions, want)
	}
}

func TestAdmin_ClusterNamesItsBrokers(t *testing.T) {
	t.Parallel()
	cluster, err := openAdmin(t).Cluster()
	if err != nil || len(cluster.Brokers) == 0 || len(cluster.APIs) == 0 {
		t.Fatalf("cluster %+v, error %v", cluster, err)
	}
}

func TestAdmin_BytesGrowWithWhatATopicHolds(t *testing.T) {
	t.Parallel()
	name := kafkatest.Topic(t, 2)
	kafkatest.Produce(t, name, kafkatest.Record{Value: make([]byte, 1000)}, kafkatest.Record{Partition: 1, Value: make([]byte, 1000)})
	admin := openAdmin(t)
	if size, err := admin.Bytes(name); err != nil || size < 100 {
		t.Errorf("it takes %d bytes, error %v", size, err)
	}
	if size, err := admin.Bytes("nobody.made.this"); err != nil || size != 0 {
		t.Errorf("what is not there takes %d bytes, error %v", size, err)
	}
}
