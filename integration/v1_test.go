package integration

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// A client that was written against the published v1 format sends what it always sent and must be answered as ever.
func TestV1_ClientsOfThePublishedFormatKeepWorking(t *testing.T) {
	t.Parallel()
	t.Run("where the suite runs", func(t *testing.T) {
		t.Parallel()
		requireV1(t, stack.Shared(t))
	})
	t.Run("on both ports of the query-service", func(t *testing.T) {
		t.Parallel()
		s := stack.Embedded(t)
		if len(s.Queries) != 2 {
			t.Fatalf("the query-service listens on %d ports", len(s.Queries))
		}
		requireV1(t, s)
	})
}

func requireV1(t *testing.T, s *stack.Stack) {
	const correlation = "52f2665d-c087-42e5-a571-89061021a37c"
	ticketForm := regexp.MustCompile(`^\{"id":"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"\}\n$`)
	for _, path := range []string{"/api/v1/timestamp/2006-01-02T15:04:05Z", "/api/v1/timestamp", "/app"} {
		posted, err := s.Command.Do(t.Context(), http.MethodPost, path, "correlationId", correlation)
		if err != nil {
			t.Fatal(err)
		}
		if posted.Status != http.StatusOK || !ticketForm.MatchString(posted.Body) || posted.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("POST %s answers %d %s %s", path, posted.Status, posted.Header.Get("Content-Type"), posted.Body)
		}
		id := posted.Text("id")
		mustRead(t, s, id) // such a client asks again until the timestamp is there
		for _, query := range s.Queries {
			requireFourStrings(t, query, path, id, correlation)
		}
	}
}

func requireFourStrings(t *testing.T, query *client.Service, path, id, correlation string) {
	t.Helper()
	answer := get(t, query, "/api/v1/timestamp/"+id, "correlationId", correlation)
	members, err := answer.Strings()
	if err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(members))
	if !slices.Equal(names, []string{"command_id", "created_at", "event_timestamp", "id"}) {
		t.Errorf("the members are %v", names)
	}
	if members["command_id"] != id || members["id"] != id {
		t.Errorf("timestamp %s is %v", id, members)
	}
	if path == "/api/v1/timestamp/2006-01-02T15:04:05Z" && members["event_timestamp"] != "2006-01-02T15:04:05Z" {
		t.Errorf("the event time is %s", members["event_timestamp"])
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("the content is %s", kind)
	}
}
