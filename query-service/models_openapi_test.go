package queryservice_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Every operation of the document of every path is driven, every documented answer that can be provoked is provoked, and each
// is held against the document.
func TestModel_OpenAPIIsTrueToWhatIsServed(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	v2 := v1.Numbered(2)
	db.add(v2)
	db.exec(db.WriterURL, `INSERT INTO trips_v2.trips SELECT * FROM trips_v1.trips`)
	db.state(v2, readmodel.Ready)
	db.insert(row{known, noon})
	s := start(t, db)
	documents := map[string]*document{}
	for _, path := range []string{"/trips", "/v1/trips", "/v2/trips", "/timestamps", "/v1/timestamps"} {
		first, second := s.get(path+"/oapi"), s.post(path+"/oapi", "")
		if first.status != http.StatusOK || first.body != second.body {
			t.Fatalf("%s: got %s and %s", path, first, second)
		}
		doc, err := openapi3.NewLoader().LoadFromData([]byte(first.body))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		documents[path] = newDocument(t, doc)
	}
	for path, d := range documents {
		s.document = d
		row := path + "/2009-09-28/1"
		if strings.Contains(path, "timestamps") {
			row = path + "/" + known
		}
		drive := func(method, path, body string, headers ...string) answer {
			t.Helper()
			if method == http.MethodGet {
				return s.get(path, headers...)
			}
			a := s.post(path, body, headers...)
			d.check(t, method, path, a)
			return a
		}
		for _, op := range []struct{ method, path string }{
			{"GET", path}, {"GET", row}, {"POST", path + "/count"}, {"POST", path + "/query"}, {"GET", path + "/oapi"}, {"POST", path + "/oapi"}, {"GET", path + "/phase"}, {"POST", path + "/phase"},
		} {
			if a := drive(op.method, op.path, ""); a.status != http.StatusOK {
				t.Errorf("%s %s: got %s", op.method, op.path, a)
			}
			drive(op.method, op.path, "", "correlationId: none")
			drive(op.method, op.path, "", "Prefer: wait=1")
			drive(op.method, op.path+"?position=x", "")
			drive(op.method, op.path+"?position=trips.v1/7@0", "", "Prefer: wait=0")
			drive(op.method, op.path+"?position=timestamp.command.v1/7@0", "")
			s.tooLarge(op.method, op.path)
		}
		tag := s.get(row).header.Get("ETag")
		drive("GET", row, "", "If-None-Match: "+tag, "Prefer: wait=1")
		drive("GET", strings.NewReplacer("/1", "/77", known, parkedID).Replace(row)+"?wait=1ms", "")
		drive("GET", path+"?limit=1", "")
		drive("POST", path+"/query", `{"$limit": 1}`)
		drive("POST", path+"/count", `{"$filter": {"none": 1}}`)
	}
	s.document = documents["/v1/trips"]
	db.exec(db.OwnerURL, `ALTER TABLE counterfoil.build_targets RENAME TO hidden`)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if a := s.do(method, "/v1/trips/phase"); a.status != http.StatusServiceUnavailable {
			t.Errorf("what a phase is made of is not there: got %s", a)
		}
	}
	db.exec(db.OwnerURL, `ALTER TABLE counterfoil.hidden RENAME TO build_targets`)
	db.state(v1, readmodel.Dropped)
	db.state(v2, readmodel.Serving)
	eventually(t, "v1 is known to be dropped", func() bool { return s.get("/v1/trips/oapi").status == http.StatusGone })
	d := documents["/v1/trips"]
	s.document = d
	for _, op := range []string{"GET ", "GET /2009-09-28/1", "POST /count", "POST /query", "GET /oapi", "POST /oapi", "GET /phase", "POST /phase"} {
		method, path, _ := strings.Cut(op, " ")
		a := s.do(method, "/v1/trips"+path)
		if a.status != http.StatusGone {
			t.Errorf("%s: got %s", op, a)
		}
	}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if answer := fmt.Sprintf("%s %s %s", method, path, status); status != "500" && !d.seen[answer] {
					t.Errorf("documented, but not seen: %s", answer)
				}
			}
		}
	}
}
