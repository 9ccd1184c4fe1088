package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/query-service/internal/read"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/web"
)

func TestLongestWait_ParameterThenHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, prefer string
		longest       time.Duration
		preferred     bool
	}{
		{"", "", 0, false},
		{"wait=10s", "", 10 * time.Second, false},
		{"wait=10", "", 10 * time.Second, false},
		{"wait=1500ms", "", 1500 * time.Millisecond, false},
		{"wait=1m", "", 30 * time.Second, false},
		{"wait=31", "", 30 * time.Second, false},
		{"wait=99999999999999999999999999", "", 30 * time.Second, false},
		{"wait=0", "wait=10", 0, false},
		{"wait=5s", "wait=10", 5 * time.Second, false},
		{"", "wait=10", 10 * time.Second, true},
		{"", "respond-async; foo, Wait = 10 ; bar=baz", 10 * time.Second, true},
		{"", `wait="7"`, 7 * time.Second, true},
		{"", "wait=3600", 30 * time.Second, true},
		{"", "wait=99999999999999999999999999", 30 * time.Second, true},
		{"", "wait=1, wait=2", time.Second, true},
		{"", "wait=10s", 0, false},
		{"", "wait=-10", 0, false},
		{"", "wait", 0, false},
		{"", "waiting=10", 0, false},
	} {
		request := httptest.NewRequest(http.MethodGet, "/?"+c.query, nil)
		request.Header.Add("Prefer", c.prefer)
		longest, preferred, err := longestWait(request)
		if longest != c.longest || preferred != c.preferred || err != nil {
			t.Errorf("%q, Prefer: %q: got %s, %v, %v", c.query, c.prefer, longest, preferred, err)
		}
	}
}

func TestPageToken_BytesAreKeptForEver(t *testing.T) {
	t.Parallel()
	from := time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC)
	span := read.Span{From: &from}
	place := read.Place{ReadModel: "timestamp/v1", At: time.Date(2009, 9, 28, 19, 3, 12, 0, time.UTC), ID: uuid.MustParse("add1f52d-7c56-4c9f-b319-1a266c355f6b")}
	const golden = "sNJ62iiY5TEABHSn8v78AK3R9S18VkyfsxkaJmw1X2t0aW1lc3RhbXAvdjE"
	if token := pageToken(place, span); token != golden {
		t.Errorf("got %s", token)
	}
	if got, err := parsePageToken(golden, span); got != place || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzPageToken_WhatWasMadeIsReadAndNothingElse(f *testing.F) {
	from, to := time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
	spans := []read.Span{{}, {From: &from}, {To: &from}, {From: &from, To: &to}}
	for i, span := range spans {
		f.Add(pageToken(read.Place{ReadModel: "timestamp/v1", At: to, ID: uuid.New()}, span), uint8(i))
	}
	f.Add("", uint8(0))
	f.Add("AAAA", uint8(1))
	f.Add(strings.Repeat("A", 100), uint8(2))
	f.Fuzz(func(t *testing.T, token string, which uint8) {
		span := spans[int(which)%len(spans)]
		place, err := parsePageToken(token, span)
		if err != nil {
			if fault.Of(err).Code != fault.CodeInvalidPageToken {
				t.Errorf("got %v", err)
			}
			return
		}
		if again := pageToken(place, span); again != token {
			t.Errorf("%q is read as %+v, which is written %q", token, place, again)
		}
		for _, other := range spans {
			if _, err := parsePageToken(token, other); other != span && err == nil {
				t.Errorf("%q is good for two spans", token)
			}
		}
	})
}

func FuzzTicket_IdAndPositionAreReadOrInvalid(f *testing.F) {
	f.Add("add1f52d-7c56-4c9f-b319-1a266c355f6b", "timestamp.command.v1/3@42")
	f.Add("ADD1F52D-7C56-4C9F-B319-1A266C355F6B", "a/2147483647@9223372036854775807")
	f.Add("{add1f52d-7c56-4c9f-b319-1a266c355f6b}", "a/2147483648@0")
	f.Add("", "")
	f.Add("%2B+", "a b/0@00")
	f.Fuzz(func(t *testing.T, id, at string) {
		request := httptest.NewRequest(http.MethodGet, "/?"+url.Values{"position": {at}}.Encode(), nil)
		c := echo.New().NewContext(request, httptest.NewRecorder())
		c.SetParamNames("id")
		c.SetParamValues(id)
		q, err := questionOf(c)
		if err != nil {
			if fault.Of(err).Kind() != fault.Invalid {
				t.Errorf("got %v", err)
			}
			return
		}
		if !strings.EqualFold(q.ID.String(), id) {
			t.Errorf("id %q is read as %s", id, q.ID)
		}
		if !q.Exact || !q.At.Known() || q.At.Partition < 0 || !strings.HasPrefix(at, q.At.Topic+"/") {
			t.Errorf("position %q is read as %+v", at, q.At)
		}
	})
}

func FuzzSpan_IsReadOrInvalid(f *testing.F) {
	f.Add("from=2009-09-28T21:03:12+02:00&to=2010-01-01T00:00:00Z&limit=5")
	f.Add("from=2009-09-28T21:03:12%2B02:00")
	f.Add("from=2009-09-28+21:03:12Z&limit=1001")
	f.Add("to=+02:00&limit=-1")
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw)
		span, err := spanOf(query)
		limit, limitErr := limitOf(query)
		for _, err := range []error{err, limitErr} {
			if err != nil && fault.Of(err).Kind() != fault.Invalid {
				t.Errorf("got %v", err)
			}
		}
		if limitErr == nil && (limit < 1 || limit > maxLimit) {
			t.Errorf("limit is %d", limit)
		}
		if err != nil || limitErr != nil {
			return
		}
		// The next page must ask for the same.
		next, err := url.Parse(nextPage("/list", query, span, "token"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := spanOf(next.Query())
		if err != nil || !same(span.From, again.From) || !same(span.To, again.To) {
			t.Errorf("%q is read as %v, and its next page as %v, %v", raw, span, again, err)
		}
		if text := query.Get("limit"); next.Query().Get("limit") != text {
			t.Errorf("limit %q became %q", text, next.Query().Get("limit"))
		}
	})
}

func same(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b) && command.FormatTimestamp(*a) == command.FormatTimestamp(*b)
}

func FuzzWait_IsReadOrInvalid(f *testing.F) {
	for _, text := range []string{"10s", "10", "-1", "1e9h", "", "9999999999999999999999", "0.5s", "1h1m1s1ms1us1ns"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		longest, err := parseWait(text)
		if err != nil && fault.Of(err).Code != fault.CodeInvalidParameter || longest < 0 || longest > web.MaxWait {
			t.Errorf("got %s, %v", longest, err)
		}
		preferred, ok := preferredWait(http.Header{"Prefer": {text, "wait=" + text}})
		if preferred < 0 || preferred > web.MaxWait || !ok && preferred != 0 {
			t.Errorf("got %s, %v", preferred, ok)
		}
	})
}

func FuzzNoneMatch_FindsItsOwnTagOnly(f *testing.F) {
	tag := entityTag("timestamp/v1", []byte("{}"))
	f.Add(tag)
	f.Add(`W/"a", ` + tag)
	f.Add("*")
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, field string) {
		if noneMatch([]string{field}, tag) && !strings.Contains(field, tag) && strings.TrimSpace(field) != "*" {
			t.Errorf("%q matches %s", field, tag)
		}
		if !strings.Contains(field, `"`) && !noneMatch([]string{field, tag}, tag) {
			t.Errorf("%q hides %s", field, tag)
		}
	})
}
