package consumerservice_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/position"
)

// parkedRows tells the state of every record that was set aside.
const parkedRows = `SELECT "offset", ' ', state, ' ', code FROM counterfoil.parked ORDER BY "offset"`

func broken(key uuid.UUID) kafkatest.Record {
	return kafkatest.Record{Key: []byte(key.String()), Value: []byte(`{"command_id":"` + key.String() + `"}`)}
}

func (w *world) about(verb decision.Verb, offset int64) decision.Decision {
	return decision.Decision{
		Verb: verb, ReadModel: "timestamp", Position: position.Position{Topic: w.topic, Offset: offset},
		Reason: "the sender was wrong", By: "test",
	}
}

// produceSomeParked writes a good record of one key, and of another key a broken one and two good ones behind it.
func (w *world) produceSomeParked() {
	w.t.Helper()
	bad, good := uuid.New(), uuid.New()
	kafkatest.Produce(w.t, w.topic, broken(bad), timestamp(good, "2020-01-01T00:00:00Z"),
		timestamp(bad, "2021-01-01T00:00:00Z"), timestamp(bad, "2022-01-01T00:00:00Z"))
}

func TestG6_LaterRecordsOfAParkedKeyWaitAndOtherKeysGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first := w.run("a", nil)
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	w.eventually(countRows, "1")
	const before = "0 parked missing-field\n2 waiting behind-parked\n3 waiting behind-parked"
	if got := w.mustQuery(parkedRows); got != before {
		t.Fatalf("set aside:\n%s\nwant:\n%s", got, before)
	}

	// A consumer that starts anew knows of the parked key too.
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.run("a", nil)
	kafkatest.Produce(t, w.topic, kafkatest.Record{Key: kafkatest.Records(t, w.topic, 4)[0].Key, Value: []byte("{}")})
	w.eventually(parkedRows, before+"\n4 waiting behind-parked")

	// Discarding the head lets the next one apply, in order, up to one that cannot apply itself.
	w.decide(w.about(decision.Discard, 0))
	w.eventually(parkedRows, "0 discarded missing-field\n4 parked missing-field")
	w.eventually(`SELECT count(*) FROM timestamp_v1.timestamp_records WHERE event_timestamp >= '2021-01-01'`, "1")
	w.eventually(`SELECT extract(year FROM max(event_timestamp))::int FROM timestamp_v1.timestamp_records`, "2021")
}

func TestG6_ARetriedRecordAppliesBeforeThoseBehindIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.eventually(`SELECT count(*) FROM counterfoil.checkpoints WHERE group_id LIKE '%.timestamp.v1'`, "1")
	w.mustQuery(`ALTER TABLE timestamp_v1.timestamp_records ADD CONSTRAINT early CHECK (event_timestamp < '2010-01-01')`)
	id := uuid.New()
	kafkatest.Produce(t, w.topic, timestamp(id, "2020-01-01T00:00:00Z"), timestamp(id, "2005-01-01T00:00:00Z"))
	w.eventually(parkedRows, "0 parked refused-by-database\n1 waiting behind-parked")

	w.decide(w.about(decision.Retry, 0))
	w.eventually(`SELECT effect FROM counterfoil.decisions`, "it still cannot apply")
	w.eventually(`SELECT attempts FROM counterfoil.parked WHERE "offset" = 0`, "2")

	w.mustQuery(`ALTER TABLE timestamp_v1.timestamp_records DROP CONSTRAINT early`)
	w.decide(w.about(decision.Retry, 0))
	w.eventually(`SELECT count(*) FROM counterfoil.parked`, "0")
	w.eventually(`SELECT extract(year FROM event_timestamp)::int FROM timestamp_v1.timestamp_records`, "2020")
}

func TestG7_ARebuildTakesTheDecisionsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.produceSomeParked()
	lone := uuid.New()
	kafkatest.Produce(t, w.topic, broken(lone))
	w.eventually(checkpoint, "5")
	w.decide(w.about(decision.Discard, 0))
	w.decide(w.about(decision.Retry, 4))
	w.eventually(`SELECT count(*) FROM counterfoil.decisions WHERE effect <> ''`, "2")
	rows, parked := w.mustQuery(allRows), w.mustQuery(parkedRows)
	if want := "0 discarded missing-field\n4 parked missing-field"; parked != want {
		t.Fatalf("set aside:\n%s\nwant:\n%s", parked, want)
	}
	w.asSuperuser(`DROP DATABASE ` + w.db.Name + ` WITH (FORCE)`)
	w.eventually(checkpoint, "5")
	w.eventually(parkedRows, parked)
	w.eventually(allRows, rows)
}

func TestMetrics_TellHowManyAreParkedAndSinceWhen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produceSomeParked()
	w.run("a", nil)
	w.eventually(checkpoint, "4")
	c := w.run("a", nil) // counts at its start
	waitFor(t, func() bool {
		_, metrics := c.get(t, c.admin+"/metrics")
		return strings.Contains(metrics, `counterfoil_parked_records{code="behind-parked",read_model="timestamp",state="waiting",version="1"} 2`) &&
			strings.Contains(metrics, `counterfoil_parked_records{code="missing-field",read_model="timestamp",state="parked",version="1"} 1`) &&
			strings.Contains(metrics, `counterfoil_parked_oldest_seconds{read_model="timestamp",version="1"}`)
	}, func() string { return "the metrics do not count the parked records" })
}

func TestG7_ADecisionThatComesBeforeItsRecordHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.decide(w.about(decision.Discard, 0))
	w.eventually(`SELECT effect FROM counterfoil.decisions`, "the record is not parked")
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	w.eventually(parkedRows, "0 discarded missing-field")
}

func TestControl_NonsenseInTheControlTopicHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.run("a", nil)
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	for _, value := range []string{"nonsense", `{"decision":"explode"}`, `{"decision":"discard","read_model":"timestamp","position":"x"}`, ""} {
		kafkatest.Produce(t, w.control, kafkatest.Record{Value: []byte(value)})
	}
	w.decide(decision.Decision{Verb: decision.Discard, ReadModel: "nobody", Position: position.Position{Topic: "t"}, Reason: "r", By: "b"})
	w.decide(w.about(decision.Discard, 77))
	w.decide(w.about(decision.Discard, 0))
	w.eventually(`SELECT string_agg(effect, ' | ' ORDER BY control_offset) FROM counterfoil.decisions`, fmt.Sprint(
		"there is no such read model | the record is not parked | discarded; 2 that waited behind it went on"))
	w.eventually(`SELECT next_offset FROM counterfoil.checkpoints WHERE group_id LIKE '%counterfoil.control'`, "7")
}

func TestControl_ADecisionThatPostgreSQLRefusesHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	c := w.run("a", nil)
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	w.mustQuery(`ALTER TABLE counterfoil.decisions ADD CHECK (decided_by <> 'nobody')`)
	refused := w.about(decision.Discard, 0)
	refused.By = "nobody"
	w.decide(refused)
	w.decide(w.about(decision.Discard, 0))
	w.eventually(`SELECT decided_by, ' ', effect FROM counterfoil.decisions`, "test discarded; 2 that waited behind it went on")
	_, metrics := c.get(t, c.admin+"/metrics")
	if !strings.Contains(metrics, "\ncounterfoil_decisions_passed_over_total 1\n") {
		t.Error("the metrics do not count the decision that was passed over")
	}
}

// The broker lost all that it had. What people decide from then on stands where earlier decisions stood.
func TestControl_DecisionsOfALostControlTopicStandInNobodysWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first := w.run("a", nil)
	w.produceSomeParked()
	w.eventually(checkpoint, "4")
	w.decide(w.about(decision.Discard, 77))
	w.eventually(`SELECT effect FROM counterfoil.decisions`, "the record is not parked")
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.recreate(w.control)
	w.run("a", nil)
	w.decide(w.about(decision.Discard, 0))
	w.eventually(`SELECT "offset", ' ', effect FROM counterfoil.decisions ORDER BY "offset"`,
		"0 discarded; 2 that waited behind it went on\n77 the record is not parked")
	at := w.mustQuery(`SELECT control_topic, '/', control_partition, '@', control_offset FROM counterfoil.decisions WHERE "offset" = 0`)
	if at != w.control+"/0@0" {
		t.Errorf("the new decision is recorded as that at %s", at)
	}
}

// A new group is a rebuild: it parks what its code cannot apply, and takes the decisions as an empty database does.
func TestG7_ANewGroupParksAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	first := w.run("a", nil)
	w.eventually(checkpoint, "0")
	w.mustQuery(`ALTER TABLE timestamp_v1.timestamp_records ADD CONSTRAINT early CHECK (event_timestamp < '2010-01-01')`)
	mended, retried := uuid.New(), uuid.New()
	kafkatest.Produce(t, w.topic, timestamp(mended, "2020-01-01T00:00:00Z"), timestamp(mended, "2005-01-01T00:00:00Z"), broken(retried))
	w.produceSomeParked()
	w.eventually(checkpoint, "7")
	w.decide(w.about(decision.Discard, 3))
	w.decide(w.about(decision.Retry, 2))
	w.eventually(`SELECT count(*) FROM counterfoil.decisions WHERE effect <> ''`, "2")
	const before = "0 parked refused-by-database\n1 waiting behind-parked\n2 parked missing-field\n3 discarded missing-field\n4 parked refused-by-database\n" +
		"5 parked refused-by-database\n6 waiting behind-parked"
	w.eventually(parkedRows, before)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	w.mustQuery(`ALTER TABLE timestamp_v1.timestamp_records DROP CONSTRAINT early`)
	w.mustQuery(`TRUNCATE timestamp_records`)
	w.run("b", nil)
	const after = "2 parked missing-field\n3 discarded missing-field"
	w.eventually(checkpointOf("b"), "7")
	w.eventually(parkedRows, after)
	rows := w.mustQuery(allRows)
	if years := w.mustQuery(`SELECT string_agg(extract(year FROM event_timestamp)::text, ' ' ORDER BY event_timestamp) FROM timestamp_records`); years != "2020 2020 2021" {
		t.Errorf("the rows are of the years %s", years)
	}
	w.asSuperuser(`DROP DATABASE ` + w.db.Name + ` WITH (FORCE)`)
	w.eventually(checkpointOf("b"), "7")
	w.eventually(parkedRows, after)
	w.eventually(allRows, rows)
}

func checkpointOf(group string) string {
	return `SELECT next_offset FROM counterfoil.checkpoints WHERE group_id LIKE '%.` + group + `.timestamp.v1'`
}
