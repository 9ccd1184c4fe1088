package queryservice_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestTicket_SaysWhatBecameOfTheCommand(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	parkedAndApplied := newID(t)
	db.insert(row{known, noon}, row{parkedAndApplied, noon})
	db.checkpoint(group, topic+"/0@10")
	db.checkpoint("test.timestamp.v2", topic+"/0@1000")
	db.checkpoint("test.timestamp.v2", "other.topic/0@1000")
	db.park(parkedID, "impossible-value", "event_timestamp is finer than a microsecond", topic+"/0@3")
	db.park(parkedID, "undecodable", "the value is not JSON", topic+"/0@7")
	db.setAside(parkedID, "waiting", "behind-parked", "an earlier record of its key is parked", topic+"/0@8")
	db.setAside(discardedID, "discarded", "missing-field", "event_timestamp is missing", topic+"/0@5")
	db.park(parkedAndApplied, "undecodable", "the value is not JSON", topic+"/0@4")
	absent := newID(t)
	rejected := `{"id":"` + discardedID + `","outcome":"rejected","read_model":"timestamp/v1","code":"missing-field","reason":"event_timestamp is missing"}`

	const model = `","read_model":"timestamp/v1",`
	for name, c := range map[string]struct{ path, want string }{
		"applied": {known, `{"id":"` + known + `","outcome":"applied` + model + `"location":"/api/v1/timestamp/` + known + `"}`},
		"applied with a position": {known + "?position=timestamp.command.v1/0@2",
			`{"id":"` + known + `","outcome":"applied` + model + `"location":"/api/v1/timestamp/` + known + `"}`},
		"applied, whatever the position": {known + "?position=other.topic/5@2000",
			`{"id":"` + known + `","outcome":"applied` + model + `"location":"/api/v1/timestamp/` + known + `"}`},
		"a repeat was parked": {parkedAndApplied + "?position=timestamp.command.v1/0@4",
			`{"id":"` + parkedAndApplied + `","outcome":"applied` + model + `"location":"/api/v1/timestamp/` + parkedAndApplied + `"}`},
		"parked": {parkedID,
			`{"id":"` + parkedID + `","outcome":"parked` + model + `"code":"impossible-value","reason":"event_timestamp is finer than a microsecond"}`},
		"parked at the position": {parkedID + "?position=timestamp.command.v1/0@7",
			`{"id":"` + parkedID + `","outcome":"parked` + model + `"code":"undecodable","reason":"the value is not JSON"}`},
		"waits behind a parked one": {parkedID + "?position=timestamp.command.v1/0@8",
			`{"id":"` + parkedID + `","outcome":"parked` + model + `"code":"impossible-value","reason":"event_timestamp is finer than a microsecond"}`},
		"discarded":                              {discardedID, rejected},
		"discarded at the position":              {discardedID + "?position=timestamp.command.v1/0@5", rejected},
		"a repeat of what was discarded is past": {discardedID + "?position=timestamp.command.v1/0@9", rejected},
		"a repeat of what was discarded is to come": {discardedID + "?position=timestamp.command.v1/0@11",
			`{"id":"` + discardedID + `","outcome":"pending` + model + `"detail":"The record is in Kafka, and the read model has not come to it yet.","records_ahead":1}`},
		"to come next": {absent + "?position=timestamp.command.v1/0@10",
			`{"id":"` + absent + `","outcome":"pending` + model + `"detail":"The record is in Kafka, and the read model has not come to it yet.","records_ahead":0}`},
		"to come": {absent + "?position=timestamp.command.v1/0@42",
			`{"id":"` + absent + `","outcome":"pending` + model + `"detail":"The record is in Kafka, and the read model has not come to it yet.","records_ahead":32}`},
		"in a partition that was not begun": {absent + "?position=timestamp.command.v1/9@0",
			`{"id":"` + absent + `","outcome":"pending` + model + `"detail":"The read model has not begun with this partition. If the topic has no such partition or it ends before the position, there is no such record, and this stays pending."}`},
	} {
		a := s.get("/api/v1/tickets/" + c.path)
		if a.status != http.StatusOK || strings.TrimSpace(a.body) != c.want {
			t.Errorf("%s: got %s\nwant %s", name, a, c.want)
		}
		pending := strings.Contains(c.want, "pending")
		if a.header.Get("Cache-Control") != "no-store" || (a.header.Get("Retry-After") != "") != pending || a.header.Get("Read-Model") != "timestamp/v1" {
			t.Errorf("%s: headers are %v", name, a.header)
		}
	}
}

func TestTicket_WithoutPositionSaysThatItCannotTell(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	a := s.get("/api/v1/tickets/" + known)
	if a.status != http.StatusOK || !strings.Contains(a.body, `"outcome":"pending"`) || !strings.Contains(a.body, "?position=") ||
		!strings.Contains(a.body, "never existed") || strings.Contains(a.body, "records_ahead") {
		t.Errorf("got %s", a)
	}
}

func TestTicket_CheckpointPastThePositionMeansThatItNeverExisted(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.checkpoint(group, topic+"/1@10")
	for _, at := range []string{"timestamp.command.v1/1@9", "timestamp.command.v1/1@0"} {
		a := s.get("/api/v1/tickets/" + known + "?position=" + at)
		if a.status != http.StatusNotFound || a.code() != "no-such-command" || a.header.Get("Retry-After") != "" {
			t.Errorf("%s: got %s", at, a)
		}
		if a := s.get("/api/v1/tickets/" + known + "?wait=30s&position=" + at); a.code() != "no-such-command" {
			t.Errorf("%s, with a wait that is not needed: got %s", at, a)
		}
	}
}

// A rebuild by a new group forgets how far the old one was, so that nothing is said to have never existed which is only
// not back yet.
func TestTicket_RebuildByANewGroupBeginsAnew(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.checkpoint(group, topic+"/0@10")
	path := "/api/v1/tickets/" + known + "?position=timestamp.command.v1/0@5"
	if a := s.get(path); a.code() != "no-such-command" {
		t.Errorf("got %s", a)
	}
	db.take("rebuild.timestamp.v1")
	if a := s.get(path); !strings.Contains(a.body, `"pending"`) {
		t.Errorf("before the new group began: got %s", a)
	}
	db.checkpoint("rebuild.timestamp.v1", topic+"/0@2")
	if a := s.get(path); !strings.Contains(a.body, `"records_ahead":3`) {
		t.Errorf("while the new group is on its way: got %s", a)
	}
	db.checkpoint("rebuild.timestamp.v1", topic+"/0@6")
	if a := s.get(path); a.code() != "no-such-command" {
		t.Errorf("when the new group is past it: got %s", a)
	}
}

func TestTicket_PositionsThatCannotBeAreInvalid(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for _, at := range []string{
		"", "nonsense", "timestamp.command.v1", "timestamp.command.v1/0", "timestamp.command.v1/0@-1", "timestamp.command.v1/-1@0",
		"timestamp.command.v1/2147483648@0", "timestamp.command.v1/0@9223372036854775808", "a%20topic/0@0", "/0@0",
		"other.topic/0@0", "other.topic/0@0&position=timestamp.command.v1/0@0",
	} {
		a := s.get("/api/v1/tickets/" + known + "?position=" + at)
		if a.status != http.StatusBadRequest || !strings.HasPrefix(a.code(), "invalid-p") {
			t.Errorf("%q: got %s", at, a)
		}
	}
}
