package consumerservice_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/position"
)

// admin returns a client of the broker that is not the services' own.
func (w *world) admin() *kadm.Client {
	w.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.brokers, ",")...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func TestG4_TheCheckpointWinsOverTheCommittedOffset(t *testing.T) {
	t.Parallel()
	for name, committed := range map[string]int64{"committed too far": 10, "committed too little": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			var records []kafkatest.Record
			for range 10 {
				records = append(records, timestamp(uuid.New(), "2020-01-01T00:00:00Z"))
			}
			kafkatest.Produce(t, w.topic, records[:5]...)
			first := w.run("a", nil)
			w.eventually(countRows, "5")
			if err := first.stop(); err != nil {
				t.Fatal(err)
			}
			kafkatest.Produce(t, w.topic, records[5:]...)
			group := w.mustQuery(`SELECT group_id FROM counterfoil.read_models`)
			var offsets kadm.Offsets
			offsets.AddOffset(w.topic, 0, committed, -1)
			if err := w.admin().CommitAllOffsets(t.Context(), group, offsets); err != nil {
				t.Fatal(err)
			}
			w.run("a", nil)
			w.eventually(countRows, "10")
		})
	}
}

func TestG4_TheCommittedOffsetFollowsAsAHint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	kafkatest.Produce(t, w.topic, timestamp(uuid.New(), "2020-01-01T00:00:00Z"), timestamp(uuid.New(), "2020-01-01T00:00:00Z"))
	w.eventually(countRows, "2")
	group := w.mustQuery(`SELECT group_id FROM counterfoil.read_models`)
	admin := w.admin()
	waitFor(t, func() bool {
		offsets, err := admin.FetchOffsets(t.Context(), group)
		at, ok := offsets.Lookup(w.topic, 0)
		return err == nil && ok && at.At == 2
	}, func() string { return "the group's offset was not committed" })
}

func TestG11_ARecreatedTopicIsRefusedUntilSomebodyDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	good := func() kafkatest.Record { return timestamp(uuid.New(), "2020-01-01T00:00:00Z") }
	kafkatest.Produce(t, w.topic, good(), good())
	first := w.run("a", nil)
	w.eventually(countRows, "2")
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.recreate(w.topic)
	w.recreate(w.control) // the cluster was set up anew, so both are
	kafkatest.Produce(t, w.topic, good(), good(), good())
	second := w.run("a", nil)
	second.waitReadiness(t, func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "was re-created") && strings.Contains(body, "counterfoil history accept")
	}, "readiness does not say that the topic was re-created")
	if rows := w.mustQuery(countRows); rows != "2" {
		t.Fatalf("%s rows, although the partition is refused", rows)
	}
	w.decide(decision.Decision{
		Verb: decision.AcceptLoss, ReadModel: "timestamp", Position: position.Position{Topic: w.topic},
		TopicID: w.topicID(), Checkpoint: new(int64(2)), Reason: "the cluster was set up anew", By: "test",
	})
	w.eventually(countRows, "5")
}

// decide records a decision as the CLI does.
func (w *world) decide(d decision.Decision) {
	w.t.Helper()
	value, err := d.Value()
	if err != nil {
		w.t.Fatal(err)
	}
	kafkatest.Produce(w.t, w.control, kafkatest.Record{Key: d.Key(), Value: value})
}

func (w *world) topicID() uuid.UUID {
	w.t.Helper()
	topics, err := w.admin().ListTopics(w.t.Context(), w.topic)
	if err != nil {
		w.t.Fatal(err)
	}
	return uuid.UUID(topics[w.topic].ID)
}

func (w *world) recreate(topic string) {
	w.t.Helper()
	admin := w.admin()
	if _, err := admin.DeleteTopic(w.t.Context(), topic); err != nil {
		w.t.Fatal(err)
	}
	waitFor(w.t, func() bool {
		_, err := admin.CreateTopic(w.t.Context(), 1, 1, nil, topic)
		return err == nil
	}, func() string { return "the topic cannot be created again" })
}

func TestG11_DeletedRecordsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	good := func() kafkatest.Record { return timestamp(uuid.New(), "2020-01-01T00:00:00Z") }
	kafkatest.Produce(t, w.topic, good(), good(), good())
	var offsets kadm.Offsets
	offsets.AddOffset(w.topic, 0, 2, -1)
	if _, err := w.admin().DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	c := w.run("a", nil)
	c.waitReadiness(t, func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "begins at offset 2")
	}, "readiness does not say that records are gone")
	if rows := w.mustQuery(countRows); rows != "0" {
		t.Errorf("%s rows, although the partition is refused", rows)
	}
}

func TestG5_APausedDatabaseMakesThePartitionWaitAndGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	kafkatest.Produce(t, w.topic, timestamp(uuid.New(), "2020-01-01T00:00:00Z"))
	w.eventually(countRows, "1")
	w.asSuperuser(`ALTER DATABASE ` + w.db.Name + ` ALLOW_CONNECTIONS false`)
	w.asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + w.db.Name + `'`)
	kafkatest.Produce(t, w.topic, timestamp(uuid.New(), "2020-01-02T00:00:00Z"))
	waitFor(t, func() bool {
		_, metrics := c.get(t, c.admin+"/metrics")
		return strings.Contains(metrics, `counterfoil_lag_records{partition="0",read_model="timestamp",topic="`+w.topic+`",version="1"} 1`)
	}, func() string { return "the lag does not say that a record waits" })
	w.asSuperuser(`ALTER DATABASE ` + w.db.Name + ` ALLOW_CONNECTIONS true`)
	w.eventually(countRows, "2")
	w.eventually(`SELECT count(*) FROM counterfoil.parked`, "0")
}
