package commandservice_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

const correlation = "52f2665d-c087-42e5-a571-89061021a37c"

func TestPost_AnswersTheTicketOfTheRecord(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.post("/api/v1/timestamp/2009-09-28T19:03:12Z", "correlationId: "+correlation)
	id := a.ticket(t)
	if want := `{"id":"` + id.String() + "\"}\n"; a.body != want {
		t.Errorf("body %q, want %q", a.body, want)
	}
	if id.Version() != 7 {
		t.Errorf("ticket %s is a UUIDv%d, want v7", id, id.Version())
	}
	record := kafkatest.Records(t, s.topic, 1)[0]
	for name, want := range map[string]string{
		"Content-Type":    "application/json",
		"Location":        "http://query.example:7081/api/v1/timestamp/" + id.String(),
		"Ticket-Position": fmt.Sprintf("%s/%d@%d", s.topic, record.Partition, record.Offset),
		"correlationId":   correlation,
		"Cache-Control":   "no-store",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if age := time.Since(record.Timestamp); age < -time.Minute || age > time.Hour {
		t.Errorf("the record's timestamp is %s", record.Timestamp)
	}
}

// The golden bytes of a published format: they never change.
func TestPost_RecordFormat(t *testing.T) {
	t.Parallel()
	s := start(t)
	// The Idempotency-Key makes the id known.
	s.post("/api/v1/timestamp/2006-01-02T15:04:05Z", "correlationId: "+correlation, "Idempotency-Key: golden").ticket(t)
	record := kafkatest.Records(t, s.topic, 1)[0]
	if got, want := string(record.Key), "3d4c13cd-173d-59dc-9fa1-3de0c5e2f1a8"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	if got, want := string(record.Value), `{"command_id":"3d4c13cd-173d-59dc-9fa1-3de0c5e2f1a8","event_timestamp":"2006-01-02T15:04:05Z"}`; got != want {
		t.Errorf("value %s, want %s", got, want)
	}
	if len(record.Headers) != 1 || record.Headers[0].Name != "correlationId" || string(record.Headers[0].Value) != correlation {
		t.Errorf("headers %v", record.Headers)
	}
}

func TestPost_WithoutATimestampKeepsNowInMicroseconds(t *testing.T) {
	t.Parallel()
	s := start(t)
	before := time.Now().UTC().Truncate(time.Microsecond)
	ids := map[string]bool{}
	for _, path := range []string{"/api/v1/timestamp", "/app"} {
		ids[s.post(path).ticket(t).String()] = true
	}
	after := time.Now().UTC()
	for _, record := range kafkatest.Records(t, s.topic, 2) {
		var value struct {
			ID string `json:"command_id"`
			At string `json:"event_timestamp"`
		}
		if err := json.Unmarshal(record.Value, &value); err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, value.At)
		if err != nil || !ids[value.ID] || !strings.HasSuffix(value.At, "Z") {
			t.Fatalf("record %s: %v", record.Value, err)
		}
		if at.Before(before) || at.After(after) || !at.Equal(at.Truncate(time.Microsecond)) {
			t.Errorf("%s is not between %s and %s in whole microseconds", value.At, before, after)
		}
	}
}

func TestPost_RespondAsyncIs202(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, test := range map[string]struct {
		headers []string
		async   bool
	}{
		"none":               {nil, false},
		"alone":              {[]string{"Prefer: respond-async"}, true},
		"upper case":         {[]string{"Prefer: Respond-Async"}, true},
		"with a parameter":   {[]string{"Prefer: respond-async; foo=bar"}, true},
		"among others":       {[]string{"Prefer: wait=10, respond-async"}, true},
		"in a second header": {[]string{"Prefer: wait=10", "Prefer: respond-async"}, true},
		"another":            {[]string{"Prefer: wait=10"}, false},
		"only quoted":        {[]string{`Prefer: x="a, respond-async, b"`}, false},
		"only quoted, deep":  {[]string{`Prefer: x="a\", respond-async, b"`}, false},
		"as a part":          {[]string{"Prefer: respond-async-not"}, false},
		"with no value":      {[]string{`Prefer: respond-async=""`}, true},
		"with a value":       {[]string{"Prefer: respond-async=no"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.post("/app", test.headers...)
			status, applied := http.StatusOK, ""
			if test.async {
				status, applied = http.StatusAccepted, "respond-async"
			}
			if a.status != status || a.header.Get("Preference-Applied") != applied {
				t.Errorf("got %s", a)
			}
		})
	}
}

// G3: a repeat has the same ticket, whichever process answers it and however it asks, in the same partition.
func TestG3_ARepeatedKeyIsTheSameTicketInTheSamePartition(t *testing.T) {
	t.Parallel()
	s := start(t)
	other := start(t, func(cfg *commandservice.Config) { cfg.PublishTopic = s.topic })
	key := "Idempotency-Key: " + uuid.NewString()
	first := s.post("/api/v1/timestamp/2009-09-28T19:03:12Z", key).ticket(t)
	var wg sync.WaitGroup
	for i := range 10 {
		at := []*running{s, other}[i%2]
		wg.Go(func() {
			if id := at.post("/api/v1/timestamp/2009-09-28T19:03:12Z", key).ticket(t); id != first {
				t.Errorf("ticket %s, want %s", id, first)
			}
		})
	}
	wg.Wait()
	if id := s.post("/app", key).ticket(t); id != first {
		t.Errorf("ticket %s at another route, want %s", id, first)
	}
	if first.Version() != 5 {
		t.Errorf("ticket %s is a UUIDv%d, want v5", first, first.Version())
	}
	records := kafkatest.Records(t, s.topic, 12)
	for _, record := range records {
		if record.Partition != records[0].Partition || string(record.Key) != first.String() {
			t.Errorf("record %s in partition %d, the first one in %d", record.Key, record.Partition, records[0].Partition)
		}
	}
}

func TestPost_WithoutAKeyEachIsItsOwnTicket(t *testing.T) {
	t.Parallel()
	s := start(t)
	seen := map[uuid.UUID]bool{}
	for range 20 {
		seen[s.post("/api/v1/timestamp/2009-09-28T19:03:12Z").ticket(t)] = true
	}
	if len(seen) != 20 || len(kafkatest.Records(t, s.topic, 20)) != 20 {
		t.Errorf("20 posts gave %d tickets", len(seen))
	}
}

func TestPost_IdempotencyKeys(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, test := range map[string]struct {
		headers []string
		ok      bool
	}{
		"one character":       {[]string{"Idempotency-Key: x"}, true},
		"255 characters":      {[]string{"Idempotency-Key: " + strings.Repeat("k", 255)}, true},
		"256 characters":      {[]string{"Idempotency-Key: " + strings.Repeat("k", 256)}, false},
		"all kinds":           {[]string{`Idempotency-Key: !"#$%&'()*+,-./09:;<=>?@AZ[\]^_` + "`az{|}~"}, true},
		"empty":               {[]string{"Idempotency-Key: "}, false},
		"a space":             {[]string{"Idempotency-Key: a b"}, false},
		"not ASCII":           {[]string{"Idempotency-Key: schlüssel"}, false},
		"two headers":         {[]string{"Idempotency-Key: a", "Idempotency-Key: b"}, false},
		"twice the same":      {[]string{"Idempotency-Key: a", "Idempotency-Key: a"}, false},
		"name in lower case ": {[]string{"idempotency-key: lower"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.post("/app", test.headers...)
			if test.ok {
				a.ticket(t)
				return
			}
			requireProblem(t, a, http.StatusBadRequest, "invalid-idempotency-key")
		})
	}
}

func TestLocation_FollowsTheConfiguration(t *testing.T) {
	t.Parallel()
	for queryURL, want := range map[string]string{
		"https://api.example/read/": "https://api.example/read/api/v1/timestamp/",
		"/query":                    "/query/api/v1/timestamp/",
		"":                          "/api/v1/timestamp/",
	} {
		t.Run("QUERY_URL="+queryURL, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(cfg *commandservice.Config) { cfg.QueryURL = queryURL })
			a := s.post("/app")
			if got := a.header.Get("Location"); got != want+a.ticket(t).String() {
				t.Errorf("Location %q, want %q and the id", got, want)
			}
		})
	}
}

func TestCorrelation_IsInAnswerRecordAndLog(t *testing.T) {
	t.Parallel()
	s := start(t)
	given := s.post("/app", "correlationId: 52F2665D-C087-42E5-A571-89061021A37C")
	minted := s.post("/app")
	ids := []string{given.header.Get("correlationId"), minted.header.Get("correlationId")}
	if ids[0] != correlation || uuid.Validate(ids[1]) != nil || ids[1] == ids[0] {
		t.Fatalf("correlation ids %q", ids)
	}
	byID := map[string]string{}
	for _, record := range kafkatest.Records(t, s.topic, 2) {
		byID[string(record.Key)] = string(record.Headers[0].Value)
	}
	for i, a := range []answer{given, minted} {
		id := a.ticket(t).String()
		if byID[id] != ids[i] {
			t.Errorf("the record of %s has correlation id %q, the answer %q", id, byID[id], ids[i])
		}
		if lines := s.logs.find(map[string]any{"msg": "request", "command_id": id, "correlation_id": ids[i]}); len(lines) != 1 {
			t.Errorf("%d lines for command %s and correlation id %s", len(lines), id, ids[i])
		}
	}
}
