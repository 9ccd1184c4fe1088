package integration

import (
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// The number of commands in the scenarios that this product began with.
const seedRecords = 1001

func TestSeed_1001RecordsAreAllReadBack(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t)
	tickets := postMany(t, s, seedRecords, 4)
	seen := map[string]bool{}
	for i, body := range readMany(t, s, tickets) {
		requireTimestamp(t, body, tickets[i].id, eventTime(i))
		seen[tickets[i].id] = true
	}
	if len(seen) != seedRecords {
		t.Errorf("%d ids for %d commands", len(seen), seedRecords)
	}
}

func TestG3_1001PostsOf50ClientsAtOnceMakeOneRowEach(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.SQL)
	tickets := postMany(t, s, seedRecords, 50)
	awaitApplied(t, s, tickets)
	var ids []string
	positions := map[string]bool{}
	for _, held := range tickets {
		ids = append(ids, held.id)
		positions[held.position] = true
	}
	if len(positions) != seedRecords {
		t.Errorf("%d positions for %d tickets", len(positions), seedRecords)
	}
	rows, err := s.Texts(t.Context(), `SELECT id::text FROM timestamp_v1.timestamp_records WHERE id = ANY ($1::uuid[])`, ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != seedRecords {
		t.Errorf("%d rows for %d commands", len(rows), seedRecords)
	}
	for i, body := range readMany(t, s, tickets) {
		requireTimestamp(t, body, tickets[i].id, eventTime(i))
	}
}
