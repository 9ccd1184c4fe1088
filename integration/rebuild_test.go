package integration

import (
	"net/http"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestG7_ATruncatedTableComesBackByANewGroup(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	tickets := postMany(t, s, seedRecords, 16)
	baseline := readMany(t, s, tickets)

	s.Exec(t, `TRUNCATE timestamp_records`) // as somebody types it, without a schema
	lost, err := s.Query.Get(t.Context(), "/api/v1/timestamp/"+tickets[0].id)
	if err != nil || lost.Want(http.StatusNotFound) != nil {
		t.Fatalf("after TRUNCATE the answer is %d %s, error %v", lost.Status, lost.Body, err)
	}
	meanwhile := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z") // life goes on
	if err := s.ConsumerProcess.Stop(); err != nil {
		t.Fatal(err)
	}
	s.StartConsumer(t, "KAFKA_GROUP_ID="+s.Topic+".b")

	s.AwaitRows(t, seedRecords+1)
	requireSame(t, baseline, readMany(t, s, tickets))
	mustRead(t, s, meanwhile.id)
	requireWhole(t, s)
}

func TestG7_ADroppedDatabaseComesBackWithoutAnyChange(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	tickets := postMany(t, s, seedRecords, 16)
	baseline := readMany(t, s, tickets)

	s.DropDatabase(t)
	meanwhile := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z") // life goes on

	s.AwaitRows(t, seedRecords+1)
	s.AwaitReady(t)
	requireSame(t, baseline, readMany(t, s, tickets))
	mustRead(t, s, meanwhile.id)
	requireWhole(t, s)
}

// requireSame fails the test unless every body is what it was, byte for byte.
func requireSame(t *testing.T, before, after []string) {
	t.Helper()
	differing := 0
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		if differing++; differing <= 3 {
			t.Logf("%s became %s", before[i], after[i])
		}
	}
	if differing > 0 {
		t.Errorf("%d of %d timestamps are not what they were", differing, len(before))
	}
}
