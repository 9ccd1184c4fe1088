package queryservice_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const everythingOne = `{"id":1,"label":"one","good":true,"small":-7,"real":0.5,"price":1234567890123456.7890,` +
	`"ref":"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01","at":"2009-09-28T19:03:12.5Z","day":"2009-09-28","extra":{"b": [1, 2]},"raw":"AP8="}`

// newEverything makes a database with a model that has a column of every type, whose rows can change.
func newEverything(t *testing.T) *database {
	t.Helper()
	db := newDatabase(t)
	db.declare(everything)
	db.exec(db.WriterURL, everythingRows)
	return db
}

func TestModel_EveryTypeIsAnsweredAsDocumented(t *testing.T) {
	t.Parallel()
	s := start(t, newEverything(t))
	doc, err := openapi3.NewLoader().LoadFromData([]byte(s.get("/everything/oapi").body))
	if err != nil {
		t.Fatal(err)
	}
	s.document = newDocument(t, doc)
	const two = `{"id":2,"label":null,"good":null,"small":null,"real":null,"price":null,"ref":null,"at":null,"day":null,"extra":null,"raw":null}`
	one := s.get("/everything/1")
	if one.status != http.StatusOK || one.body != everythingOne+"\n" || one.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("got %s, want %s", one, everythingOne)
	}
	if a := s.get("/everything"); a.body != "["+everythingOne+",\n"+two+"]\n" {
		t.Errorf("got %s", a)
	}
	if a := s.get("/everything/3"); a.code() != "not-found" || a.header.Get("Read-Model") != "everything/v1" {
		t.Errorf("a row that was deleted: got %s", a)
	}
	if a := s.post("/everything/count", ""); strings.TrimSpace(a.body) != "2" {
		t.Errorf("got %s", a)
	}
	for _, path := range []string{"/everything/2", "/everything?limit=1", "/everything/phase", "/everything/oapi"} {
		if a := s.get(path); a.status != http.StatusOK {
			t.Errorf("%s: got %s", path, a)
		}
	}
}

// Each operator finds the row by each type that it is for, and what each type cannot be names its place.
func TestModel_EveryTypeCanBeAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, newEverything(t))
	values := map[string]struct{ is, less, more, wrong string }{
		"id":    {`1`, `0`, `2`, `1e3`},
		"label": {`"one"`, `"a"`, `"z"`, `1`},
		"good":  {`true`, `false`, ``, `"true"`},
		"small": {`-7`, `-8`, `0`, `2147483648`},
		"real":  {`0.5`, `-1e3`, `5e-1000`, `1e999`},
		"price": {`1234567890123456.789`, `1`, `1234567890123456.7891`, `12345678901234567`},
		"ref":   {`"7F3C0C56-8D2A-4B8E-9C52-1F2B6F7B8A01"`, `"00000000-0000-0000-0000-000000000000"`, `"ffffffff-ffff-ffff-ffff-ffffffffffff"`, `"7f3c0c56"`},
		"at":    {`"2009-09-28T21:03:12.500+02:00"`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59Z"`, `"yesterday"`},
		"day":   {`"2009-09-28"`, `"2009-09-27"`, `"2010-01-01"`, `"2009-09-31"`},
		"extra": {`{"b":[1,2]}`, ``, ``, ``},
		"raw":   {`"AP8="`, `""`, `"/w=="`, `"?"`},
	}
	count := func(condition, want string) {
		t.Helper()
		query := `{"$filter": {` + condition + `}}`
		if a := s.post("/everything/count", query); a.status != http.StatusOK || strings.TrimSpace(a.body) != want {
			t.Errorf("%s: got %s, want %s", query, a, want)
		}
	}
	for column, v := range values {
		count(fmt.Sprintf(`%q: {"$eq": %s}`, column, v.is), "1")
		count(fmt.Sprintf(`%q: {"$in": [%s, %s]}`, column, v.is, v.is), "1")
		if column == "id" {
			count(`"id": null`, "0")
			count(`"id": {"$ne": 1}`, "1")
		} else {
			count(fmt.Sprintf(`%q: null`, column), "1")
			count(fmt.Sprintf(`%q: {"$ne": null}`, column), "1")
			count(fmt.Sprintf(`%q: {"$ne": %s}`, column, v.is), "1") // what is null is not it
			count(fmt.Sprintf(`"$not": {%q: {"$eq": %s}}`, column, v.is), "1")
		}
		if v.less != "" {
			count(fmt.Sprintf(`%q: {"$gt": %s, "$gte": %s, "$lte": %s}`, column, v.less, v.is, v.is), "1")
			count(fmt.Sprintf(`%q: {"$lt": %s}`, column, v.less), "0")
		}
		if v.more != "" && column != "real" {
			count(fmt.Sprintf(`%q: {"$lt": %s}`, column, v.more), "1")
		}
		if v.wrong == "" {
			continue
		}
		for _, condition := range []string{v.wrong, `{"$lt": ` + v.wrong + `}`, `{"$in": [` + v.wrong + `]}`, `[]`, `{"$eq": {}}`} {
			query := fmt.Sprintf(`{"$filter": {%q: %s}}`, column, condition)
			a := s.post("/everything/query", query)
			if column == "price" && strings.Contains(condition, "$lt") { // it has a place among the column's values all the same
				if a.status != http.StatusOK {
					t.Errorf("%s: got %s", query, a)
				}
				continue
			}
			if a.code() != "invalid-query" || !strings.Contains(a.body, "$filter."+column) || a.header.Get("Read-Model") != "everything/v1" {
				t.Errorf("%s: got %s", query, a)
			}
		}
	}
}

// A number has the digits behind the point that its column declares, also where it is nought.
func TestModel_NoughtHasTheDigitsOfItsColumn(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.add(declare(t, `
name: tips
source: {topic: tips.v1, format: json}
columns:
  - {name: id, type: int4, from: $.id}
  - {name: tip, type: "numeric(10,2)", from: $.tip, default: "0"}
primary_key: [id]
write: insert
`))
	db.exec(db.WriterURL, `INSERT INTO tips_v1.tips VALUES (1, 0), (2, 0.5)`)
	s := start(t, db)
	for id, want := range map[int]string{1: "0.00", 2: "0.50"} {
		if a := s.get(fmt.Sprintf("/tips/%d", id)); a.body != fmt.Sprintf(`{"id":%d,"tip":%s}`+"\n", id, want) {
			t.Errorf("got %s, want %s", a, want)
		}
	}
}

// A primary key of any type names its row in an address.
func TestModel_KeyCanBeOfAnyType(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	keys := map[string]struct{ written, kept string }{
		"text":          {"a/b c%é", `'a/b c%é'`},
		"bool":          {"true", `true`},
		"int4":          {"-7", `-7`},
		"int8":          {"9223372036854775807", `9223372036854775807`},
		"numeric":       {"10.50", `10.5`},
		"numeric(10,2)": {"1e1", `10`},
		"uuid":          {strings.ToUpper(known), `'` + known + `'`},
		"timestamptz":   {"2009-09-28T21:03:12.5+02:00", `'2009-09-28T19:03:12.5Z'`},
		"date":          {"2009-09-28", `'2009-09-28'`},
		"bytea":         {"/+8=", `'\xffef'`},
	}
	name := func(kind string) string { return "k_" + strings.NewReplacer("(", "_", ",", "_", ")", "").Replace(kind) }
	for kind, key := range keys {
		d := declare(t, fmt.Sprintf(`
name: %[1]s
source: {topic: keys.v1, format: json}
columns:
  - {name: key, type: "%[2]s", from: $.key}
  - {name: note, type: text, from: $.note}
primary_key: [key]
write: insert
`, name(kind), kind))
		db.add(d)
		db.exec(db.WriterURL, `INSERT INTO `+d.Schema()+`.`+d.Table+` VALUES (`+key.kept+`, 'found')`)
	}
	s := start(t, db)
	for kind, key := range keys {
		for _, path := range []string{"/" + name(kind), "/v1/" + name(kind)} {
			a := s.get(path + "/" + url.PathEscape(key.written))
			if a.status != http.StatusOK || !strings.Contains(a.body, "found") {
				t.Errorf("%s %s: got %s", kind, key.written, a)
			}
			if a.header.Get("Cache-Control") != map[bool]string{true: "private, max-age=31536000, immutable", false: "private, no-cache"}[strings.HasPrefix(path, "/v1")] {
				t.Errorf("%s: the row may be kept: %s", path, a.header.Get("Cache-Control"))
			}
		}
	}
	if a := s.get("/k_text/count"); a.code() != "not-found" {
		t.Errorf("a row named count: got %s", a)
	}
}

// Whatever is sent is data, however much of it.
func TestModel_HostileQueriesAreRefusedOrFindNothing(t *testing.T) {
	t.Parallel()
	s := start(t, newEverything(t))
	for _, text := range []string{
		`'; DROP TABLE everything_v1.everything_state; --`, `$1`, `\`, `%`, `_`, `one' OR '1'='1`, `"`, `'`, "\u202e", strings.Repeat("x", 10_000),
	} {
		raw := asJSON(t, text)
		for _, condition := range []string{raw, `{"$contains": ` + raw + `}`, `{"$in": [` + raw + `]}`, `{"$gt": ` + raw + `, "$lt": ` + raw + `}`} {
			if a := s.post("/everything/count", `{"$filter": {"label": `+condition+`}}`); a.status != http.StatusOK || strings.TrimSpace(a.body) != "0" {
				t.Errorf("%.80s: got %s", condition, a)
			}
		}
		for _, query := range []string{`{"$filter": {` + raw + `: 1}}`, `{"$order_by": {` + raw + `: "asc"}}`, `{` + raw + `: {}}`, `{"$filter": {"label": {` + raw + `: "x"}}}`} {
			if a := s.post("/everything/query", query); a.code() != "invalid-query" {
				t.Errorf("%.80s: got %s", query, a)
			}
		}
	}
	huge := strings.Repeat("9", 400)
	for query, code := range map[string]string{
		`{"$filter": {"small": ` + huge + `}}`: "invalid-query", `{"$filter": {"real": ` + huge + `}}`: "invalid-query",
		`{"$filter": {"price": 1e9999}}`: "invalid-query", `{"$filter": {"price": {"$gt": 1e99999}}}`: "invalid-query",
		`{"$limit": ` + huge + `}`: "invalid-query", `{"$skip": 1e2}`: "invalid-query",
		`{"$filter": {"extra": {"a": "\u0000"}}}`: "invalid-query", `{"$filter": {"label": {"$contains": "\u0000"}}}`: "invalid-query",
		`{"$filter": {"extra": ` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}}`: "invalid-query",
		`{"$filter": {"$and": [` + strings.Repeat(`{"id": 1},`, 200) + `{}]}}`:                  "invalid-query",
		`{"$filter": {"id": {"$in": [` + strings.Repeat(`1,`, 1000) + `1]}}}`:                   "invalid-query",
		`{"$filter": {"label": "` + strings.Repeat("x", 70_000) + `"}}`:                         "body-too-large",
		`{"$after": "` + strings.Repeat("x", 60_000) + `"}`:                                     "invalid-page-token",
	} {
		if a := s.post("/everything/query", query); a.code() != code {
			t.Errorf("%.80s: got %s, want %s", query, a, code)
		}
	}
	for path, code := range map[string]string{
		"/everything?label=one": "invalid-parameter", "/everything/1?columns=id": "invalid-parameter", "/everything?limit=0": "invalid-parameter",
		"/everything?limit=1&limit=2": "invalid-parameter", "/everything?page_token=": "invalid-page-token", "/everything/" + huge: "invalid-parameter",
		"/v99999999999/everything": "no-route", "/v0/everything": "no-route", "/v01/everything": "no-route",
	} {
		if a := s.get(path); a.code() != code {
			t.Errorf("%s: got %s, want %s", path, a, code)
		}
	}
	if a := s.post("/everything/query?page_token=x", "{}"); a.code() != "invalid-parameter" {
		t.Errorf("got %s", a)
	}
	if a := s.post("/everything/count", ""); strings.TrimSpace(a.body) != "2" {
		t.Errorf("in the end: got %s", a)
	}
}

func TestModel_PhaseSaysHowFarTheVersionIs(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	s := start(t, db)
	v2 := v1.Numbered(2)
	db.add(v2)
	db.checkpoint(v1.Group("test"), "trips.v1/1@9")
	db.checkpoint(v2.Group("test"), "trips.v1/0@3")
	eventually(t, "v2 is known", func() bool { return s.get("/v2/trips/phase").status == http.StatusOK })
	require := func(path string, parts ...string) {
		t.Helper()
		for _, a := range []answer{s.get(path), s.post(path, "")} {
			for _, part := range parts {
				if a.status != http.StatusOK || !strings.Contains(a.body, part) {
					t.Errorf("%s: got %s, want %s", path, a, part)
				}
			}
		}
	}
	require("/trips/phase", `"read_model":"trips/v1"`, `"phase":"Streaming"`, `"serving":true`, `"caught_up":true`,
		`{"topic":"trips.v1","partition":0,"next_offset":5,"target":null}`, `"versions":[{"version":1,"state":"serving"},{"version":2,"state":"building"}]`)
	require("/v2/trips/phase", `"phase":"Snapshotting"`, `"serving":false`, `"caught_up":false`,
		`"positions":[{"topic":"trips.v1","partition":0,"next_offset":3,"target":5},{"topic":"trips.v1","partition":1,"next_offset":null,"target":9}]`)
	db.checkpoint(v2.Group("test"), "trips.v1/0@5")
	require("/v2/trips/phase", `"caught_up":false`)
	db.checkpoint(v2.Group("test"), "trips.v1/1@9")
	require("/v2/trips/phase", `"caught_up":true`, `"state":"building"`)
	db.exec(db.OwnerURL, `INSERT INTO counterfoil.build_targets VALUES ('trips', 2, 'trips.v1', 0, 12)`)
	require("/v2/trips/phase", `"caught_up":false`, `{"topic":"trips.v1","partition":0,"next_offset":5,"target":12}`)
	db.state(v2, readmodel.Retired)
	require("/v2/trips/phase", `"phase":"Stopped"`, `"state":"retired"`)
}
