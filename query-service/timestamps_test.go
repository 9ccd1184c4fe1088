package queryservice_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// page is a list's answer.
type page struct {
	answer
	ids   []string
	token string
}

func (s *running) list(query url.Values) page {
	s.t.Helper()
	p := page{answer: s.get("/api/v1/timestamp?" + query.Encode())}
	if p.status != http.StatusOK {
		return p
	}
	var body struct {
		Timestamps []struct{ ID string }
		Token      string `json:"next_page_token"`
	}
	if err := json.Unmarshal([]byte(p.body), &body); err != nil {
		s.t.Fatal(err)
	}
	p.token = body.Token
	for _, timestamp := range body.Timestamps {
		p.ids = append(p.ids, timestamp.ID)
	}
	return p
}

// id returns the id of a test's row n, so that ids sort as their numbers do.
func id(n int) string { return fmt.Sprintf("0197a1de-0000-7000-8000-%012d", n) }

func TestTimestamps_AreInTheOrderOfEventTimeThenId(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	if p := s.list(nil); p.body != `{"timestamps":[]}`+"\n" || p.header.Get("Link") != "" || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("nothing is listed as %s", p)
	}
	db.insert(row{id(4), noon.Add(time.Hour)}, row{id(3), noon}, row{id(1), noon.Add(time.Second)}, row{id(2), noon})
	p := s.list(nil)
	if want := []string{id(2), id(3), id(1), id(4)}; !slices.Equal(p.ids, want) || p.token != "" || p.header.Get("Link") != "" {
		t.Errorf("got %s\nwant %v", p, want)
	}
	want := `{"command_id":"` + id(2) + `","id":"` + id(2) + `","event_timestamp":"2009-09-28T12:00:00Z","created_at":"2020-08-31T15:04:05Z"}`
	if !strings.HasPrefix(p.body, `{"timestamps":[`+want+`,`) {
		t.Errorf("got %s\nwant it to begin with %s", p.body, want)
	}
}

func TestTimestamps_FromIsInclusiveToIsExclusive(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.insert(row{id(1), noon.Add(-time.Microsecond)}, row{id(2), noon}, row{id(3), noon.Add(time.Hour - time.Microsecond)}, row{id(4), noon.Add(time.Hour)})
	for query, want := range map[string][]string{
		"from=2009-09-28T12:00:00Z&to=2009-09-28T13:00:00Z":                  {id(2), id(3)},
		"from=2009-09-28T14:00:00%2B02:00&to=2009-09-28T15:00:00%2B02:00":    {id(2), id(3)},
		"from=2009-09-28T14:00:00+02:00&to=2009-09-28T15:00:00.000000+02:00": {id(2), id(3)}, // + as it often is written
		"from=2009-09-28T10:00:00-02:00":                                     {id(2), id(3), id(4)},
		"to=2009-09-28T13:00:00Z":                                            {id(1), id(2), id(3)},
		"from=2009-09-28T12:00:00Z&to=2009-09-28T12:00:00Z":                  nil,
		"from=0000-01-01T00:00:00Z&to=9999-12-31T23:59:59.999999Z":           {id(1), id(2), id(3), id(4)},
		"utm_source=elsewhere":                                               {id(1), id(2), id(3), id(4)},
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if p := s.list(values); p.status != http.StatusOK || !slices.Equal(p.ids, want) {
			t.Errorf("%s: got %s, want %v", query, p, want)
		}
		if p := s.get("/api/v1/timestamp?" + query); p.status != http.StatusOK {
			t.Errorf("%s: got %s", query, p)
		}
	}
}

func TestTimestamps_WrongParametersAreInvalid(t *testing.T) {
	t.Parallel()
	s := start(t, newDatabase(t))
	for query, code := range map[string]string{
		"from=":                           "invalid-timestamp",
		"from=yesterday":                  "invalid-timestamp",
		"from=2009-09-28":                 "invalid-timestamp",
		"from=2009-09-28+12:00:00Z":       "invalid-timestamp",
		"to=2009-09-28T12:00:00.0000001Z": "invalid-timestamp",
		"to=2009-09-28T12:00:00Z&to=":     "invalid-parameter",
		"from=2010-01-01T00:00:00Z&to=2009-01-01T00:00:00Z": "invalid-parameter",
		"limit=":              "invalid-parameter",
		"limit=0":             "invalid-parameter",
		"limit=-1":            "invalid-parameter",
		"limit=1.5":           "invalid-parameter",
		"limit=ten":           "invalid-parameter",
		"limit=1&limit=2":     "invalid-parameter",
		"page_token=":         "invalid-page-token",
		"page_token=nonsense": "invalid-page-token",
	} {
		if a := s.get("/api/v1/timestamp?" + query); a.status != http.StatusBadRequest || a.code() != code {
			t.Errorf("%s: got %s, want %s", query, a, code)
		}
	}
}

func TestTimestamps_PageHoldsAtMostAThousand(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.exec(db.WriterURL, `INSERT INTO timestamp_v1.timestamp_records (id, event_timestamp, created_at)
		SELECT gen_random_uuid(), now(), now() FROM generate_series(1, 1001)`)
	for limit, want := range map[string]int{"": 100, "1": 1, "1000": 1000, "1001": 1000, "99999999999999999999999": 1000} {
		query := url.Values{}
		if limit != "" {
			query.Set("limit", limit)
		}
		if p := s.list(query); len(p.ids) != want || p.token == "" {
			t.Errorf("limit %q: got %d timestamps, token %q, status %d", limit, len(p.ids), p.token, p.status)
		}
	}
}

func TestTimestamps_RowsThatComeMeanwhileNeitherRepeatNorHideOthers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	const n = 20
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{id(10 * (i + 1)), noon.Add(time.Duration(i/4) * time.Second)} // four of each instant
	}
	db.insert(rows...)
	seen := map[string]int{}
	next := "/api/v1/timestamp?limit=3&from=2009-09-28T14:00:00%2B02:00"
	for i := 0; next != ""; i++ {
		p := page{answer: s.get(next)}
		if p.status != http.StatusOK {
			t.Fatal(p)
		}
		var body struct{ Timestamps []struct{ ID string } }
		if err := json.Unmarshal([]byte(p.body), &body); err != nil {
			t.Fatal(err)
		}
		for _, timestamp := range body.Timestamps {
			seen[timestamp.ID]++
		}
		next = strings.TrimSuffix(strings.TrimPrefix(p.header.Get("Link"), "<"), `>; rel="next"`)
		// One before the first of all, one beside each instant, one behind.
		db.insert(row{id(1000 + i), noon.Add(-time.Hour)}, row{id(i + 1), noon.Add(time.Duration(i) * time.Second)})
		if i > 10*n {
			t.Fatal("the pages do not end")
		}
	}
	for _, r := range rows {
		if seen[r.id.(string)] != 1 {
			t.Errorf("%s was seen %d times", r.id, seen[r.id.(string)])
		}
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s was seen %d times", id, times)
		}
	}
}

func TestTimestamps_PageTokenIsBoundToItsSpanAndVersion(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := start(t, db)
	db.insert(row{id(1), noon}, row{id(2), noon}, row{id(3), noon})
	query := url.Values{"limit": {"1"}, "from": {"2009-09-28T12:00:00Z"}}
	token := s.list(query).token
	with := func(token string, change ...string) url.Values {
		q := url.Values{"limit": {"1"}, "from": {"2009-09-28T12:00:00Z"}, "page_token": {token}}
		for i := 0; i < len(change); i += 2 {
			q.Set(change[i], change[i+1])
		}
		return q
	}
	for name, q := range map[string]url.Values{
		"another limit":            with(token, "limit", "1000"),
		"the same instant in word": with(token, "from", "2009-09-28T14:00:00+02:00"),
	} {
		if p := s.list(q); p.status != http.StatusOK || p.ids[0] != id(2) {
			t.Errorf("%s: got %s", name, p)
		}
	}
	refused := map[string]url.Values{
		"another from": with(token, "from", "2009-09-28T12:00:01Z"),
		"a to":         with(token, "to", "2010-01-01T00:00:00Z"),
		"cut":          with(token[:len(token)-1]),
		"longer":       with(token + "A"),
		"padded":       with(token + "="),
	}
	for i := range token {
		changed := []byte(token)
		if changed[i]++; changed[i] == 'Z'+1 || changed[i] == 'z'+1 || changed[i] == '9'+1 {
			changed[i] = 'B'
		}
		refused[fmt.Sprintf("byte %d changed", i)] = with(string(changed))
	}
	for name, q := range refused {
		if p := s.list(q); p.status != http.StatusBadRequest || p.code() != "invalid-page-token" {
			t.Errorf("%s: got %s", name, p)
		}
	}
	db.serveVersion2()
	eventually(t, "version 2 serves", func() bool { return s.list(nil).header.Get("Read-Model") == "timestamp/v2" })
	if p := s.list(with(token)); p.status != http.StatusOK || p.header.Get("Read-Model") != "timestamp/v1" || p.ids[0] != id(2) {
		t.Errorf("a token of version 1 is answered %s, not by the version that it was given by", p)
	}
}

// serveVersion2 makes an empty version 2 of the read model and has it serve.
func (db *database) serveVersion2() {
	db.t.Helper()
	v2 := *db.declaration
	v2.Version = 2
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		if err := ensure(ctx, conn, &v2); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, `
			UPDATE counterfoil.read_models SET state = 'ready' WHERE name = 'timestamp' AND version = 1;
			UPDATE counterfoil.read_models SET state = 'serving' WHERE name = 'timestamp' AND version = 2`)
		return err
	})
}
