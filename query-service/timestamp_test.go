package queryservice_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestTimestamp_FourStringsAndNothingElse(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	for _, at := range []struct {
		instant time.Time
		text    string
	}{
		{time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC), "2006-01-02T15:04:05Z"},
		{time.Date(2006, 1, 2, 15, 4, 5, 120_000_000, time.UTC), "2006-01-02T15:04:05.12Z"},
		{time.Date(2006, 1, 2, 15, 4, 5, 123_456_000, time.UTC), "2006-01-02T15:04:05.123456Z"},
		{time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "0000-01-01T00:00:00Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), "9999-12-31T23:59:59.999999Z"},
	} {
		id := uuid.NewString()
		db.insert(row{id, at.instant})
		a := s.get("/api/v1/timestamp/" + id)
		want := `{"command_id":"` + id + `","id":"` + id + `","event_timestamp":"` + at.text + `","created_at":"2020-08-31T15:04:05Z"}` + "\n"
		if a.status != http.StatusOK || a.body != want || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s\nwant %s", a, want)
		}
		if got := a.header.Get("Read-Model"); got != "timestamp/v1" {
			t.Errorf("Read-Model is %q", got)
		}
	}
}

func TestTimestamp_IdInUpperCaseIsTheSame(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.insert(row{known, noon})
	if a := s.get("/api/v1/timestamp/" + strings.ToUpper(known)); a.status != http.StatusOK || !strings.Contains(a.body, known) {
		t.Errorf("got %s", a)
	}
}

func TestTimestamp_IsImmutableAndNeedNotBeSentTwice(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	other := uuid.NewString()
	db.insert(row{known, noon}, row{other, noon})
	first := s.get("/api/v1/timestamp/" + known)
	tag := first.header.Get("ETag")
	if again := s.get("/api/v1/timestamp/" + known); again.header.Get("ETag") != tag {
		t.Errorf("the tag changed from %s to %s", tag, again.header.Get("ETag"))
	}
	if o := s.get("/api/v1/timestamp/" + other); o.header.Get("ETag") == tag {
		t.Errorf("two rows have the tag %s", tag)
	}
	for _, fields := range [][]string{
		{"If-None-Match: " + tag},
		{"If-None-Match: W/" + tag},
		{"If-None-Match: *"},
		{`If-None-Match: "a, b", W/"c",` + tag},
		{`If-None-Match: "other"`, "If-None-Match: " + tag},
	} {
		a := s.get("/api/v1/timestamp/"+known, fields...)
		if a.status != http.StatusNotModified || a.body != "" || a.header.Get("ETag") != tag {
			t.Errorf("%q: got %s", fields, a)
		}
	}
	for _, field := range []string{`"other"`, strings.Trim(tag, `"`), tag[:len(tag)-1], `"*"`} {
		if a := s.get("/api/v1/timestamp/"+known, "If-None-Match: "+field); a.status != http.StatusOK {
			t.Errorf("%q: got %s", field, a)
		}
	}
	if a := s.get("/api/v1/timestamp/"+newID(t), "If-None-Match: *"); a.status != http.StatusNotFound {
		t.Errorf("got %s for an id that is not there", a)
	}
}

func TestTimestamp_NotThereIsNotFoundAndNeverCached(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	a := s.get("/api/v1/timestamp/"+known, "correlationId: 52f2665d-c087-42e5-a571-89061021a37c")
	if a.status != http.StatusNotFound || a.code() != "not-found" {
		t.Errorf("got %s", a)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Retry-After": "1", "Read-Model": "timestamp/v1",
		"Content-Type": "application/problem+json", "correlationId": "52f2665d-c087-42e5-a571-89061021a37c",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(a.body, `"correlation_id":"52f2665d-c087-42e5-a571-89061021a37c","id":"`+known+`"`) {
		t.Errorf("the problem does not name the request and the id: %s", a.body)
	}
	line := s.logs.lines("52f2665d-c087-42e5-a571-89061021a37c")
	if len(line) != 1 || line[0]["command_id"] != known || line[0]["level"] != "INFO" {
		t.Errorf("the request's lines are %v", line)
	}
}

func TestTimestamp_IdThatIsNoUUIDIsInvalid(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for _, id := range []string{
		"1", "no-uuid", known + "/more", strings.ReplaceAll(known, "-", ""), "{" + known + "}", "urn:uuid:" + known, known + "0",
		"%00", known[:35] + "g", known + "%20", strings.Repeat("a", 10_000), "2009-09-28T19:03:12Z",
	} {
		if a := s.get("/api/v1/timestamp/" + id); a.status != http.StatusBadRequest || a.code() != "invalid-id" {
			t.Errorf("%.40q: got %s", id, a)
		}
	}
}

func TestRoutes_WhatIsNotThereIsAProblemToo(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for _, c := range []struct {
		method, path, code string
		status             int
	}{
		{http.MethodGet, "/", "no-route", http.StatusNotFound},
		{http.MethodGet, "/api/v1/timestamp/", "no-route", http.StatusNotFound},
		{http.MethodGet, "/metrics", "no-route", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", "no-route", http.StatusNotFound},
		{http.MethodPost, "/api/v1/timestamp/" + known, "method-not-allowed", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/api/v1/tickets/" + known, "method-not-allowed", http.StatusMethodNotAllowed},
	} {
		a := s.do(c.method, c.path)
		if a.status != c.status || a.code() != c.code || a.header.Get("correlationId") == "" {
			t.Errorf("%s %s: got %s", c.method, c.path, a)
		}
		if allow := a.header.Get("Allow"); c.status == http.StatusMethodNotAllowed && !strings.Contains(allow, http.MethodGet) {
			t.Errorf("%s %s: Allow is %q", c.method, c.path, allow)
		}
	}
}
