package queryservice_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const tripsYAML = `
name: trips
source: {topic: trips.v1, format: json}
columns:
  - {name: day, type: date, from: $.day}
  - {name: number, type: int8, from: $.number}
  - {name: city, type: text, from: $.city}
  - {name: fare, type: "numeric(10,2)", from: $.fare}
  - {name: tip, type: float8, from: $.tip, nullable: true}
  - {name: paid, type: bool, from: $.paid}
  - {name: extra, type: jsonb, from: $.extra, nullable: true}
primary_key: [day, number]
write: insert
indexes:
  - columns: [city, fare]
`

// declare reads a declaration as from a file.
func declare(t *testing.T, yaml string) *readmodel.Declaration {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	declarations, err := readmodel.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return declarations[0]
}

// add makes a version of a read model exist, as the consumer does, with a group that applies records to it.
func (db *database) add(d *readmodel.Declaration) {
	db.t.Helper()
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		if err := ensure(ctx, conn, d); err != nil {
			return err
		}
		return readmodel.SetGroup(ctx, conn, d, d.Group("test"))
	})
}

// state sets the state of a version as if its life had led there.
func (db *database) state(d *readmodel.Declaration, state readmodel.State) {
	db.t.Helper()
	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET state = $3, changed_at = now() WHERE name = $1 AND version = $2`, d.Name, d.Version, state)
}

// serve has another version serve, in one transaction.
func (db *database) serve(from, to *readmodel.Declaration) {
	db.t.Helper()
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			for _, of := range []struct {
				number int
				state  readmodel.State
			}{{from.Version, readmodel.Ready}, {to.Version, readmodel.Serving}} {
				if _, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET state = $3 WHERE name = $1 AND version = $2`, from.Name, of.number, of.state); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// newTrips makes a database with trips/v1, which serves and has five rows, of which the checkpoint is at trips.v1/0@5.
func newTrips(t *testing.T) (*database, *readmodel.Declaration) {
	t.Helper()
	db, d := newDatabase(t), declare(t, tripsYAML)
	db.add(d)
	db.exec(db.WriterURL, `INSERT INTO trips_v1.trips (day, number, city, fare, tip, paid, extra) VALUES
		('2009-09-28', 1, 'Lagos', 10, NULL, true, '{"a": 1}'),
		('2009-09-28', 2, 'Lagos', 20.5, 1.5, false, NULL),
		('2009-09-29', 1, 'São Paulo', 30, 0, true, NULL),
		('2009-09-29', 2, 'New York', 40, 2, true, NULL),
		('2009-09-30', 1, 'New Lagos, 50% off', 50, NULL, false, NULL)`)
	db.checkpoint(d.Group("test"), "trips.v1/0@5")
	return db, d
}

// fares returns the fares of a list, which tell the rows apart.
func fares(t *testing.T, a answer) (found string) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("got %s", a)
	}
	for _, part := range strings.Split(a.body, `"fare":`)[1:] {
		found += " " + strings.TrimSuffix(part[:strings.IndexAny(part, ",}")], ".00")
	}
	return strings.TrimSpace(found)
}

func TestModel_RowIsFoundByItsKeyHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	db.insert(row{known, noon})
	s := start(t, db)
	const want = `{"day":"2009-09-28","number":1,"city":"Lagos","fare":10.00,"tip":null,"paid":true,"extra":{"a": 1}}` + "\n"
	for _, path := range []string{"/trips/2009-09-28/1", "/v1/trips/2009-09-28/01", "/v1/trips/2009%2D09%2D28/1"} {
		a := s.get(path)
		if a.status != http.StatusOK || a.body != want || a.header.Get("Read-Model") != "trips/v1" || a.header.Get("ETag") == "" {
			t.Errorf("%s: got %s, want %s", path, a, want)
		}
		if again := s.get(path, "If-None-Match: "+a.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s again: got %s", path, again)
		}
	}
	for path, code := range map[string]string{
		"/trips/2009-09-28/3": "not-found", "/trips/2009-09-28/3?wait=1ms": "not-found", "/trips/2009-09-28": "invalid-parameter",
		"/trips/2009-09-28/1/2": "invalid-parameter", "/trips/2009-09-28/x": "invalid-parameter", "/trips/2009-09-28/%00": "invalid-parameter",
		"/v2/trips/2009-09-28/1": "no-route", "/trip": "no-route", "/timestamps/none": "invalid-parameter",
		"/trips/2009-09-28/1?wait=1;x": "invalid-parameter",
	} {
		if a := s.get(path); a.code() != code {
			t.Errorf("%s: got %s, want %s", path, a, code)
		}
	}
	for _, path := range []string{"/timestamps/" + known, "/timestamps/" + strings.ToUpper(known), "/v1/timestamps/" + known} {
		if a := s.get(path); a.status != http.StatusOK || !strings.Contains(a.body, known) || a.header.Get("Read-Model") != "timestamp/v1" {
			t.Errorf("%s: got %s", path, a)
		}
	}
	if a := s.post("/trips/2009-09-28/1", ""); a.code() != "method-not-allowed" || !strings.Contains(a.header.Get("Allow"), "GET") {
		t.Errorf("POST to a row: got %s", a)
	}
}

func TestModel_QueriesFindWhatTheyMean(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	s := start(t, db)
	for query, want := range map[string]string{
		``:                               "10 20.50 30 40 50",
		`{}`:                             "10 20.50 30 40 50",
		`{"$filter": {}}`:                "10 20.50 30 40 50",
		`{"$filter": {"city": "Lagos"}}`: "10 20.50",
		`{"$filter": {"city": {"$eq": "Lagos"}, "paid": true}}`:                "10",
		`{"$filter": {"city": {"$ne": "Lagos"}}}`:                              "30 40 50",
		`{"$filter": {"fare": {"$gt": 20.5, "$lte": 40}}}`:                     "30 40",
		`{"$filter": {"fare": {"$gte": "20.5"}, "number": 2}}`:                 "20.50 40",
		`{"$filter": {"fare": {"$lt": 20.501}}}`:                               "10 20.50",
		`{"$filter": {"tip": null}}`:                                           "10 50",
		`{"$filter": {"tip": {"$ne": null}}}`:                                  "20.50 30 40",
		`{"$filter": {"tip": {"$ne": 0}}}`:                                     "10 20.50 40 50",
		`{"$filter": {"$not": {"tip": {"$gt": 1}}}}`:                           "10 30 50",
		`{"$filter": {"$not": {"$not": {"tip": {"$gt": 1}}}}}`:                 "20.50 40",
		`{"$filter": {"$or": [{"fare": 10}, {"day": "2009-09-30"}]}}`:          "10 50",
		`{"$filter": {"$and": [{"fare": {"$gt": 10}}, {"number": 1}]}}`:        "30 50",
		`{"$filter": {"fare": {"$in": [10, 30, 99]}}}`:                         "10 30",
		`{"$filter": {"day": {"$in": ["2009-09-28"]}, "number": {"$in":[2]}}}`: "20.50",
		`{"$filter": {"city": {"$contains": "lagos"}}}`:                        "10 20.50 50",
		`{"$filter": {"city": {"$contains": "0% o"}}}`:                         "50",
		`{"$filter": {"city": {"$contains": "_"}}}`:                            "",
		`{"$filter": {"city": {"$matches_any": "york LAGOS"}}}`:                "10 20.50 40 50",
		`{"$filter": {"city": {"$matches_all": ["new", "lagos"]}}}`:            "50",
		`{"$filter": {"city": {"$matches_all": "or"}}}`:                        "",
		`{"$filter": {"city": {"$matches_any": "ago"}}}`:                       "",
		`{"$filter": {"extra": {"$contains": {"a": 1}}}}`:                      "10",
		`{"$filter": {"extra": {"$eq": {"a": 1}}}}`:                            "10",
		`{"$order_by": {"paid": "desc", "fare": "asc"}}`:                       "10 30 40 20.50 50",
		`{"$order_by": {"fare": "desc"}, "$limit": 2}`:                         "50 40",
		`{"$order_by": {"tip": "desc"}}`:                                       "50 10 40 20.50 30",
		`{"$skip": 3}`:                                                         "40 50",
	} {
		if got := fares(t, s.post("/trips/query", query)); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
		n := "0"
		if want != "" {
			n = fmt.Sprint(len(strings.Fields(want)))
		}
		if a := s.post("/v1/trips/count", query); a.status != http.StatusOK || strings.TrimSpace(a.body) != n || a.header.Get("Read-Model") != "trips/v1" {
			t.Errorf("count of %s: got %s, want %s", query, a, n)
		}
	}
}

func TestModel_QueriesThatAreNotUnderstoodNameThePlace(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	s := start(t, db)
	for query, place := range map[string]string{
		`{`: "The body", `[]`: "The body", `null`: "The body", "\xff": "The body",
		`{"$flter": {}}`: "$flter", `{"$limit": 0}`: "$limit", `{"$limit": 1001}`: "$limit", `{"$limit": "1"}`: "$limit", `{"$skip": -1}`: "$skip",
		`{"$skip": 1, "$after": "x"}`: "page token", `{"$filter": []}`: "$filter", `{"$filter": {"fair": 1}}`: "$filter.fair",
		`{"$filter": {"$nor": []}}`: "$filter.$nor", `{"$filter": {"$or": {}}}`: "$filter.$or", `{"$filter": {"$or": []}}`: "$filter.$or",
		`{"$filter": {"$or": [{}, 1]}}`: "$filter.$or[1]", `{"$filter": {"fare": {"$gt": "x"}}}`: "$filter.fare.$gt", `{"$filter": {"fare": {}}}`: "$filter.fare",
		`{"$filter": {"fare": {"$gt": null}}}`: "$filter.fare.$gt", `{"$filter": {"fare": {"$like": 1}}}`: "$filter.fare.$like",
		`{"$filter": {"fare": 1.005}}`: "$filter.fare", `{"$filter": {"number": 9223372036854775808}}`: "$filter.number",
		`{"$filter": {"number": [1]}}`: "$filter.number", `{"$filter": {"number": {"$in": [1, "x"]}}}`: "$filter.number.$in[1]",
		`{"$filter": {"city": 1}}`: "$filter.city", `{"$filter": {"city": "\u0000"}}`: "$filter.city", `{"$filter": {"day": "2009-02-30"}}`: "$filter.day",
		`{"$filter": {"fare": {"$contains": "1"}}}`: "$filter.fare.$contains", `{"$filter": {"city": {"$matches_any": "!"}}}`: "$filter.city.$matches_any",
		`{"$filter": {"extra": {"$lt": 1}}}`: "$filter.extra.$lt", `{"$filter": {"fare": 1, "fare": 2}}`: "$filter.fare",
		`{"$order_by": ["fare"]}`: "$order_by", `{"$order_by": {"fare": "up"}}`: "$order_by.fare", `{"$order_by": {"fare": "asc", "fare": "desc"}}`: "$order_by.fare",
		`{"$order_by": {"extra": "asc"}}`: "$order_by.extra", `{"$filter": ` + strings.Repeat(`{"$not":`, 40) + `{}` + strings.Repeat("}", 40) + `}`: "deep",
	} {
		for _, path := range []string{"/trips/query", "/trips/count"} {
			a := s.post(path, query)
			if a.status != http.StatusBadRequest || !strings.HasPrefix(a.code(), "invalid-") || !strings.Contains(a.body, place) && a.code() != "invalid-page-token" && path != "/trips/count" {
				t.Errorf("%s %s: got %s, want %s", path, query, a, place)
			}
		}
	}
	if a := s.post("/trips/query", "{}", "Content-Type: text/plain"); a.code() != "broken-request" {
		t.Errorf("another content type: got %s", a)
	}
	if a := s.post("/trips/count", `{"$after": "x"}`); a.code() != "invalid-query" {
		t.Errorf("a count with a page: got %s", a)
	}
}

// Whatever the order, pages give every row once.
func TestModel_PagesGiveEveryRowOnce(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	s := start(t, db)
	for _, order := range []string{`{}`, `{"fare":"desc"}`, `{"tip":"asc"}`, `{"tip":"desc"}`, `{"paid":"asc","tip":"desc"}`, `{"city":"desc","number":"asc"}`} {
		whole := fares(t, s.post("/trips/query", `{"$order_by": `+order+`}`))
		var paged, after string
		for range 6 {
			a := s.post("/trips/query", `{"$order_by": `+order+`, "$limit": 1`+after+`}`)
			paged += " " + fares(t, a)
			token := a.header.Get("Next-Page-Token")
			if token == "" {
				break
			}
			after = `, "$after": "` + token + `"`
		}
		if strings.TrimSpace(paged) != whole {
			t.Errorf("%s: got%s, want %s", order, paged, whole)
		}
	}
	var listed []string
	for path := "/v1/trips?limit=2"; path != ""; {
		a := s.get(path)
		listed = append(listed, fares(t, a))
		path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if strings.Join(listed, "|") != "10 20.50|30 40|50" {
		t.Errorf("the list's pages are %q", listed)
	}
	token := s.post("/trips/query", `{"$limit": 1}`).header.Get("Next-Page-Token")
	for _, query := range []string{
		`{"$after": "nonsense"}`, `{"$after": "` + token[:len(token)-4] + `"}`, `{"$after": "` + token + `", "$order_by": {"fare": "asc"}}`,
		`{"$after": "` + token + `", "$filter": {"fare": 1}}`,
	} {
		if a := s.post("/trips/query", query); a.code() != "invalid-page-token" {
			t.Errorf("%s: got %s", query, a)
		}
	}
	if a := s.get("/timestamps?page_token=" + token); a.code() != "invalid-page-token" {
		t.Errorf("a token of another model: got %s", a)
	}
}

const tripsV2YAML = `
name: trips
source: {topic: trips.v1, format: json}
columns:
  - {name: id, type: int8, from: $.number}
  - {name: town, type: text, from: $.city}
  - {name: fare, type: "numeric(10,2)", from: $.fare}
primary_key: [id]
write: insert
`

func TestModel_VersionsAppearServeAndDisappearWithoutARestart(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	s := start(t, db)
	v2 := declare(t, tripsV2YAML).Numbered(2)
	db.add(v2)
	eventually(t, "v2 is known", func() bool { return s.get("/v2/trips/phase").status == http.StatusOK })
	if a := s.get("/v2/trips/phase"); !strings.Contains(a.body, `"Snapshotting"`) || !strings.Contains(a.body, `"building"`) {
		t.Errorf("while it is built: got %s", a)
	}
	if a := s.get("/v2/trips/1"); a.code() != "read-model-missing" || a.header.Get("Retry-After") == "" {
		t.Errorf("while it is built: got %s", a)
	}
	db.exec(db.WriterURL, `INSERT INTO trips_v2.trips VALUES (1, 'Lagos', 10), (2, 'Lagos', 20)`)
	db.state(v2, readmodel.Ready)
	eventually(t, "v2 can be asked", func() bool { return s.get("/v2/trips/1").status == http.StatusOK })
	if a := s.get("/trips/2009-09-28/1"); a.header.Get("Read-Model") != "trips/v1" {
		t.Errorf("before the switch: got %s", a)
	}
	first := s.post("/trips/query", `{"$filter": {"city": "Lagos"}, "$limit": 1}`)
	list := s.get("/trips?limit=1")

	db.serve(v1, v2)
	// At once, although nothing was told.
	if a := s.get("/trips/1"); a.status != http.StatusOK || a.body != `{"id":1,"town":"Lagos","fare":10.00}`+"\n" || a.header.Get("Read-Model") != "trips/v2" {
		t.Errorf("after the switch: got %s", a)
	}
	if a := s.post("/trips/query", `{"$filter": {"town": "Lagos"}}`); fares(t, a) != "10 20" {
		t.Errorf("after the switch: got %s", a)
	}
	if a := s.post("/trips/count", ""); strings.TrimSpace(a.body) != "2" {
		t.Errorf("after the switch: got %s", a)
	}
	// Pages go on in the version that they began in.
	after := first.header.Get("Next-Page-Token")
	next := s.post("/trips/query", `{"$filter": {"city": "Lagos"}, "$limit": 1, "$after": "`+after+`"}`)
	if next.header.Get("Read-Model") != "trips/v1" || fares(t, next) != "20.50" {
		t.Errorf("the next page: got %s", next)
	}
	link, _, _ := strings.Cut(strings.TrimPrefix(list.header.Get("Link"), "<"), ">")
	if a := s.get(link); a.header.Get("Read-Model") != "trips/v1" || fares(t, a) != "20.50" {
		t.Errorf("the next page of the list: got %s", a)
	}
	if a := s.post("/v2/trips/query", `{"$filter": {"city": "Lagos"}, "$limit": 1, "$after": "`+after+`"}`); a.code() != "invalid-page-token" {
		t.Errorf("a page of v1 under v2: got %s", a)
	}

	db.state(v1, readmodel.Retired)
	eventually(t, "v1 is known to be retired", func() bool { return strings.Contains(s.get("/v1/trips/phase").body, `"Stopped"`) })
	if a := s.get("/v1/trips/2009-09-28/1"); a.status != http.StatusOK {
		t.Errorf("a retired version: got %s", a)
	}
	db.state(v1, readmodel.Dropped)
	db.exec(db.OwnerURL, `DROP SCHEMA trips_v1 CASCADE`)
	for _, a := range []answer{
		s.get("/v1/trips"), s.get("/v1/trips/2009-09-28/1"), s.get("/v1/trips/2009-09-28/1?wait=30s"), s.post("/v1/trips/query", ""), s.post("/v1/trips/count", ""),
		s.get("/v1/trips?position=trips.v1/0@1"), s.get(link), s.get("/v1/trips/phase"), s.get("/v1/trips/oapi"),
	} {
		if a.status != http.StatusGone || a.code() != "version-dropped" || !strings.HasPrefix(a.header.Get("Link"), "</v2/trips") ||
			!strings.HasSuffix(a.header.Get("Link"), `; rel="successor-version"`) || !strings.Contains(a.body, `"successor":"/v2/trips`) {
			t.Errorf("a dropped version: got %s", a)
		}
	}
}

// Many processes learn of a switch at different moments. Whoever reads now from one and then from the other never sees an
// older state, because every read checks in its own snapshot which version serves.
func TestG8_ReadersOfTwoProcessesNeverGoBackAcrossASwitch(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	v2 := v1.Numbered(2)
	db.add(v2)
	db.state(v2, readmodel.Ready)
	services := []*running{start(t, db), start(t, db)}
	versions := []*readmodel.Declaration{v1, v2}
	serving := 0
	for i := range 40 {
		// The version that does not serve stands still, as one may that is behind. The other goes on.
		now := versions[serving]
		db.exec(db.WriterURL, `INSERT INTO `+now.Schema()+`.trips (day, number, city, fare, paid) VALUES ('2010-01-01', $1, 'Rome', $2, true)`, i, i)
		for _, s := range services {
			path := fmt.Sprintf("/trips/2010-01-01/%d", i)
			if a := s.get(path); a.status != http.StatusOK || a.header.Get("Read-Model") != now.Label() {
				t.Fatalf("round %d: %s is answered %s, want a row of %s", i, path, a, now.Label())
			}
			if a := s.post("/trips/query", fmt.Sprintf(`{"$filter": {"day": "2010-01-01", "number": %d}}`, i)); fares(t, a) != fmt.Sprint(i) {
				t.Fatalf("round %d: got %s", i, a)
			}
			if a := s.post("/trips/count", fmt.Sprintf(`{"$filter": {"day": "2010-01-01", "number": %d}}`, i)); strings.TrimSpace(a.body) != "1" {
				t.Fatalf("round %d: got %s", i, a)
			}
		}
		db.serve(versions[serving], versions[1-serving])
		serving = 1 - serving
	}
}

func TestModel_PositionIsWaitedForPerVersion(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	v2 := v1.Numbered(2)
	db.add(v2)
	db.state(v2, readmodel.Ready)
	db.checkpoint(v2.Group("test"), "trips.v1/0@3")
	s := start(t, db)
	for _, path := range []string{"/trips", "/v1/trips", "/trips/2009-09-28/1"} {
		if a := s.get(path + "?position=trips.v1/0@4"); a.status != http.StatusOK {
			t.Errorf("%s is past it: got %s", path, a)
		}
	}
	for path, code := range map[string]string{
		"/v2/trips?position=trips.v1/0@3": "position-not-reached", "/trips?position=trips.v1/0@5&wait=1ms": "position-not-reached",
		"/trips?position=trips.v1/7@0": "position-not-reached", "/trips?position=other/0@0": "invalid-position", "/trips?position=x": "invalid-position",
		"/trips/2009-09-28/9?position=trips.v1/0@4&wait=30s": "not-found",
	} {
		if a := s.get(path); a.code() != code {
			t.Errorf("%s: got %s, want %s", path, a, code)
		}
	}
	first := s.parked("/trips/2009-10-01/1?position=trips.v1/0@5&wait=30s")
	second := s.parked("/v2/trips?position=trips.v1/0@3&wait=30s")
	third := s.parked("/trips/2009-10-01/1", "Prefer: wait=30")
	s.requireWaiting(3)
	db.as(db.WriterURL, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `
			INSERT INTO trips_v1.trips (day, number, city, fare, paid) VALUES ('2009-10-01', 1, 'Rome', 60, true);
			UPDATE counterfoil.checkpoints SET next_offset = 6 WHERE topic = 'trips.v1';
			SELECT pg_notify('counterfoil_applied', 'trips/v1')`)
		return err
	})
	if a := receive(t, first); a.status != http.StatusOK {
		t.Errorf("the row: got %s", a)
	}
	if a := receive(t, second); a.status != http.StatusOK || a.header.Get("Read-Model") != "trips/v2" {
		t.Errorf("the list of v2: got %s", a)
	}
	if a := receive(t, third); a.status != http.StatusOK || a.header.Get("Preference-Applied") != "wait=30" {
		t.Errorf("the row that was waited for: got %s", a)
	}
}

func TestModel_PinsSayWhichVersionUnscopedPathsMean(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	v2 := declare(t, tripsV2YAML).Numbered(2)
	db.add(v2)
	db.state(v2, readmodel.Ready)
	for pin, want := range map[catalog.Pin]string{{Number: 1}: "trips/v1", {Number: 2}: "trips/v2", {Latest: true}: "trips/v2"} {
		s := start(t, db, func(cfg *queryservice.Config) { cfg.Pins = catalog.Pins{"trips": pin} })
		for _, a := range []answer{s.get("/trips"), s.post("/trips/query", "{}"), s.get("/trips/phase")} {
			if a.status != http.StatusOK || a.header.Get("Read-Model") != want {
				t.Errorf("%+v: got %s", pin, a)
			}
		}
	}
	s := start(t, db, func(cfg *queryservice.Config) { cfg.Pins = catalog.Pins{"trips": {Latest: true}} })
	v3 := v1.Numbered(3)
	db.add(v3)
	db.state(v3, readmodel.Ready)
	if a := s.get("/trips"); a.header.Get("Read-Model") != "trips/v3" {
		t.Errorf("when there is a later one: got %s", a)
	}
}

func TestModel_LargeTableWantsAnIndex(t *testing.T) {
	t.Parallel()
	db, _ := newTrips(t)
	db.exec(db.OwnerURL, `ANALYZE trips_v1.trips`)
	s := start(t, db, func(cfg *queryservice.Config) { cfg.LargeTable = 4 })
	for query, want := range map[string]string{
		`{"$filter": {"fare": {"$gt": 1}, "paid": true}}`:        "  - columns: [paid, fare]",
		`{"$filter": {"tip": null}}`:                             "  - columns: [tip]",
		`{"$filter": {"$or": [{"city": "Lagos"}, {"fare": 1}]}}`: "  - columns: [fare]",
		`{"$filter": {"city": {"$contains": "Lag"}}}`:            "No index helps",
		`{"$filter": {"$not": {"city": "Lagos"}}}`:               "No index helps",
		`{"$order_by": {"fare": "desc"}}`:                        "  - columns: [fare]",
		`{"$order_by": {"city": "desc", "number": "desc"}}`:      "  - columns: [city, number]",
	} {
		a := s.post("/trips/query", query)
		if a.status != http.StatusBadRequest || a.code() != "missing-index" || !strings.Contains(a.body, want) {
			t.Errorf("%s: got %s, want %s", query, a, want)
		}
	}
	for _, query := range []string{
		``, `{"$filter": {"city": "Lagos"}}`, `{"$filter": {"city": {"$gt": "L"}, "fare": 1}}`, `{"$filter": {"day": "2009-09-28", "city": {"$contains": "x"}}}`,
		`{"$filter": {"$or": [{"city": "Lagos"}, {"day": "2009-09-28"}]}}`, `{"$order_by": {"city": "desc", "fare": "desc"}}`, `{"$order_by": {"day": "asc"}}`,
		`{"$order_by": {"city": "asc", "number": "desc"}}`,
	} {
		if a := s.post("/trips/query", query); a.status != http.StatusOK {
			t.Errorf("%s: got %s", query, a)
		}
	}
	if a := s.post("/trips/count", `{"$order_by": {"fare": "asc"}}`); a.status != http.StatusOK {
		t.Errorf("a count has no order: got %s", a)
	}
}
