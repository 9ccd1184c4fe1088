package commandservice_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

// The corners of RFC 3339 as a client writes them into a path. shared/command tests the parser; this tests the way there.
func TestTimestamp_AcceptedFormsAreKeptAsTheirInstant(t *testing.T) {
	t.Parallel()
	s := start(t)
	kept := map[string]string{} // ticket to the instant that its record must have
	for path, want := range map[string]string{
		"2009-09-28T19:03:12Z":               "2009-09-28T19:03:12Z",
		"2009-09-28t19:03:12z":               "2009-09-28T19:03:12Z",
		"2009-09-28T21:03:12+02:00":          "2009-09-28T19:03:12Z",
		"2009-09-28T21:03:12%2B02:00":        "2009-09-28T19:03:12Z",
		"2009-09-28T21:03:12%2b02:00":        "2009-09-28T19:03:12Z",
		"2009-09-28T21%3A03%3A12%2B02%3A00":  "2009-09-28T19:03:12Z",
		"%32009-09-28T19:03:12Z":             "2009-09-28T19:03:12Z",
		"2009-09-28T14:33:12-04:30":          "2009-09-28T19:03:12Z",
		"2009-09-28T19:03:12-00:00":          "2009-09-28T19:03:12Z",
		"2009-09-28T19:03:12.5Z":             "2009-09-28T19:03:12.5Z",
		"2009-09-28T19:03:12.123456Z":        "2009-09-28T19:03:12.123456Z",
		"2009-09-28T21:03:12.000001%2B02:00": "2009-09-28T19:03:12.000001Z",
		"2009-09-28T19:03:12.500000Z":        "2009-09-28T19:03:12.5Z",
		"2024-02-29T00:00:00Z":               "2024-02-29T00:00:00Z",
		"0000-01-01T00:00:00Z":               "0000-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999Z":        "9999-12-31T23:59:59.999999Z",
		"2009-09-28T19:03:12Z?ignored=1":     "2009-09-28T19:03:12Z",
	} {
		kept[s.post("/api/v1/timestamp/"+path).ticket(t).String()] = want
	}
	for _, record := range kafkatest.Records(t, s.topic, len(kept)) {
		var value struct {
			ID string `json:"command_id"`
			At string `json:"event_timestamp"`
		}
		if err := json.Unmarshal(record.Value, &value); err != nil {
			t.Fatal(err)
		}
		if value.At != kept[value.ID] || string(record.Key) != value.ID {
			t.Errorf("record %s with key %s, want the instant %q", record.Value, record.Key, kept[value.ID])
		}
	}
}

func TestTimestamp_RefusalsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := start(t)
	for path, says := range map[string]string{
		"":                                    "is empty",
		"nonsense":                            "not an RFC 3339",
		"now":                                 "not an RFC 3339",
		"1254164592":                          "not an RFC 3339",
		"2009-09-28":                          "not an RFC 3339",
		"2009-09-28T19:03:12":                 "not an RFC 3339",
		"2009-09-28T19:03Z":                   "not an RFC 3339",
		"2009-09-28%2019:03:12Z":              "not an RFC 3339",
		"2009-09-28T19:03:12,5Z":              "not an RFC 3339",
		"2009-09-28T19:03:12.Z":               "not an RFC 3339",
		"2009-09-28T19:03:12+0200":            "not an RFC 3339",
		"2009-09-28T19:03:12%252B02:00":       "not an RFC 3339",
		"2009-09-28T19:03:12Z/":               "not an RFC 3339",
		"2009-09-28T19:03:12Z%2F":             "not an RFC 3339",
		"2009/09/28":                          "not an RFC 3339",
		"%202009-09-28T19:03:12Z":             "not an RFC 3339",
		"2009-09-28T19:03:12Z%00":             "not an RFC 3339",
		"%00":                                 "not an RFC 3339",
		"%FF%FE":                              "not an RFC 3339",
		"%D9%A2009-09-28T19:03:12Z":           "not an RFC 3339",
		"%3Cscript%3Ealert(1)%3C%2Fscript%3E": "not an RFC 3339",
		"2009-09-28T19:03:12.1234567Z":        "finer than a microsecond",
		"2009-09-28T19:03:12.000000000Z":      "finer than a microsecond",
		"2016-12-31T23:59:60Z":                "leap second",
		"2009-09-28T24:00:00Z":                "no such time of day",
		"2009-02-29T00:00:00Z":                "no such day",
		"2009-13-01T00:00:00Z":                "no such day",
		"2009-09-28T19:03:12+24:00":           "offset out of range",
		"0000-01-01T00:00:00+00:01":           "outside of the years",
		"9999-12-31T23:59:59-00:01":           "outside of the years",
		strings.Repeat("9", 10_000):           "too long",
		strings.Repeat("%C3%A4", 1_600):       "too long",
	} {
		p := requireProblem(t, s.post("/api/v1/timestamp/"+path), http.StatusBadRequest, "invalid-timestamp")
		if !strings.Contains(p.Detail, says) || !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("%.60q: detail %q, want one with %q", path, p.Detail, says)
		}
		if len(p.Detail) > 400 {
			t.Errorf("%.60q: the detail has %d bytes", path, len(p.Detail))
		}
	}
	if records := kafkatest.Records(t, s.topic, 0); len(records) != 0 {
		t.Errorf("%d records of refused commands", len(records))
	}
}
