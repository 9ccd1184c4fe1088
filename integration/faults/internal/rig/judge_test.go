package rig

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A record that is not what somebody asked for must not be taken for it.
func TestDecoded_HasAProblemWhereTheRecordIsNoCommand(t *testing.T) {
	t.Parallel()
	const id = "7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"
	good := `{"command_id":"` + id + `","event_timestamp":"2009-09-28T19:03:12.5Z"}`
	r := decoded(&kgo.Record{Key: []byte(id), Value: []byte(good), Partition: 3, Offset: 17})
	if r.Problem != "" || r.ID != id || r.Partition != 3 || r.Offset != 17 || r.Payload.Format(time.RFC3339Nano) != "2009-09-28T19:03:12.5Z" {
		t.Errorf("it is read as %+v", r)
	}
	for name, record := range map[string]*kgo.Record{
		"no value":           {Key: []byte(id)},
		"no JSON":            {Key: []byte(id), Value: []byte(good[:20])},
		"no time":            {Key: []byte(id), Value: []byte(`{"command_id":"` + id + `","event_timestamp":"noon"}`)},
		"another's":          {Key: []byte("other"), Value: []byte(good)},
		"nobody's":           {Value: []byte(good)},
		"of no command":      {Key: []byte(id), Value: []byte(`{}`)},
		"a list of commands": {Key: []byte(id), Value: []byte(`[` + good + `]`)},
	} {
		if r := decoded(record); r.Problem == "" {
			t.Errorf("%s: it is read as %+v", name, r)
		}
	}
}

func TestApplied_CountsTheLongestTimeWithoutAStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &applied{paused: true, last: time.Now()}
		pass := func(d time.Duration) { <-time.After(d) }
		want := func(d time.Duration, why string) {
			t.Helper()
			if got := a.longest(); got != d {
				t.Errorf("%s: %s, want %s", why, got, d)
			}
		}
		pass(time.Hour)
		want(0, "there is nothing to apply")
		a.pause(false)
		pass(2 * time.Second)
		a.see(1)
		pass(time.Second)
		a.see(1)
		pass(3 * time.Second)
		want(4*time.Second, "looking is no step")
		a.see(2)
		want(4*time.Second, "a step ends it")
		pass(time.Second)
		a.see(0)
		want(time.Second, "checkpoints that begin anew are a step")
		a.pause(true)
		pass(time.Hour)
		a.pause(false)
		pass(5 * time.Second)
		want(5*time.Second, "what was paused does not count")
	})
}
