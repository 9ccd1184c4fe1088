package kafka_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func setting(t *testing.T, broker *embedded.Broker, topic, name string) string {
	t.Helper()
	info := broker.Cluster().TopicInfo(topic)
	if info == nil {
		t.Fatalf("there is no topic %s", topic)
	}
	if value := info.Configs[name]; value != nil {
		return *value
	}
	return ""
}

func TestEnsureTopic_CreatesItToBeKeptForEver(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	warnings, err := at(broker.Addr()).EnsureTopic(kafka.TopicSpec{Name: "new", Partitions: 4})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("warnings %q, error %v", warnings, err)
	}
	for name, want := range map[string]string{
		"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1", "message.timestamp.type": "LogAppendTime", "min.insync.replicas": "1",
	} {
		if got := setting(t, broker, "new", name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n := len(broker.Cluster().PartitionInfos("new")); n != 4 {
		t.Errorf("%d partitions", n)
	}
	warnings, err = at(broker.Addr()).EnsureTopic(kafka.TopicSpec{Name: "new", Partitions: 8})
	if err != nil || len(warnings) > 0 || len(broker.Cluster().PartitionInfos("new")) != 4 {
		t.Errorf("the second time: warnings %q, error %v", warnings, err)
	}
}

func TestEnsureTopic_ChangesNothingThatIsThereAndNamesEachDangerWithItsCure(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	if err := broker.Cluster().CreateTopic("old", 1, map[string]string{
		"retention.ms": "1000", "retention.bytes": "2000", "cleanup.policy": "compact,delete", "message.timestamp.type": "CreateTime",
		"min.insync.replicas": "1", "unclean.leader.election.enable": "true",
	}); err != nil {
		t.Fatal(err)
	}
	warnings, err := at(broker.Addr()).EnsureTopic(kafka.TopicSpec{Name: "old", Partitions: 6, Replication: 3, MinInSync: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"deletes records after 1000 ms, so a rebuild would miss them; set retention.ms=-1",
		"deletes records beyond 2000 bytes, so a rebuild would miss them; set retention.bytes=-1",
		"set cleanup.policy=delete with unlimited retention", "set message.timestamp.type=LogAppendTime", "set min.insync.replicas=2",
		"set unclean.leader.election.enable=false",
	} {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.HasPrefix(w, "topic old ") && strings.HasSuffix(w, want) }) {
			t.Errorf("no warning says %q: %q", want, warnings)
		}
	}
	if got := setting(t, broker, "old", "retention.ms"); got != "1000" {
		t.Errorf("it changed retention.ms to %s", got)
	}
}

func TestEnsureTopic_ManyAtOnce(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if warnings, err := at(broker.Addr()).EnsureTopic(kafka.TopicSpec{Name: "contended", Partitions: 3}); err != nil || len(warnings) > 0 {
				t.Errorf("warnings %q, error %v", warnings, err)
			}
		})
	}
	wg.Wait()
	if n := len(broker.Cluster().PartitionInfos("contended")); n != 3 {
		t.Errorf("%d partitions", n)
	}
}

func TestEnsureTopic_MoreReplicasThanBrokersIsAnError(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	_, err := at(broker.Addr()).EnsureTopic(kafka.TopicSpec{Name: "wide", Partitions: 1, Replication: 3})
	if err == nil || !strings.Contains(err.Error(), "wide") {
		t.Errorf("got %v", err)
	}
	if broker.Cluster().TopicInfo("wide") != nil {
		t.Error("it is there all the same")
	}
}
