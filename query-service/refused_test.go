package queryservice_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// A declaration that another release stored, and this one refuses, concerns its version alone.
func TestRefused_OneVersionStopsNoOther(t *testing.T) {
	t.Parallel()
	db, v1 := newTrips(t)
	v2 := v1.Numbered(2)
	db.add(v2)
	db.state(v2, readmodel.Ready)
	s, c := startWithGRPC(t, db)
	if a := s.get("/trips"); a.status != http.StatusOK {
		t.Fatalf("got %s", a)
	}
	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET declaration = declaration || E'\nnewer: true\n' WHERE name = 'trips' AND version = 1`)
	db.insert(row{known, noon})
	eventually(t, "the version is refused", func() bool { return s.get("/trips").code() == "misconfigured" })
	for _, path := range []string{"/v1/trips", "/trips/2020-01-01/10", "/trips/oapi"} {
		if a := s.get(path); a.status != http.StatusServiceUnavailable || a.code() != "misconfigured" || !strings.Contains(a.body, "trips/v1 was declared") {
			t.Errorf("%s: got %s", path, a)
		}
	}
	if a := s.get("/trips/phase"); a.status != http.StatusOK || !strings.Contains(a.body, `"state":"serving"`) {
		t.Errorf("its phase: got %s", a)
	}
	for _, path := range []string{"/api/v1/timestamp/" + known, "/readyz", "/v2/trips", "/v2/trips/oapi"} {
		if a := s.get(path); a.status != http.StatusOK {
			t.Errorf("%s: got %s", path, a)
		}
	}
	eventually(t, "gRPC has the others", func() bool { return strings.Count(strings.Join(c.services(), " "), "trips") == 1 })
	if _, err := c.call("counterfoil.common.CommonGrpcService", "query", `{"endpoint": "trips"}`); err == nil || !strings.Contains(err.Error(), "trips/v1 was declared") {
		t.Errorf("got %v", err)
	}
	if lines := s.logs.lines("the declaration of a version cannot be used"); len(lines) != 1 || lines[0]["level"] != "ERROR" ||
		lines[0]["read_model"] != "trips" || !strings.Contains(lines[0]["error"].(string), "newer") {
		t.Errorf("the log says %v", lines)
	}

	// A service that starts now finds it so too, and one that can read it again goes on.
	if a := start(t, db).get("/api/v1/timestamp/" + known); a.status != http.StatusOK {
		t.Errorf("after a restart: got %s", a)
	}
	db.exec(db.OwnerURL, `UPDATE counterfoil.read_models SET declaration = replace(declaration, E'\nnewer: true\n', '') WHERE name = 'trips'`)
	eventually(t, "the version is there again", func() bool { return s.get("/trips").status == http.StatusOK })
}
