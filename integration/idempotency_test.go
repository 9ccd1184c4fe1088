package integration

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// newKey returns an Idempotency-Key that nobody has used.
func newKey() string { return rand.Text() }

func TestG3_ARepeatWithItsKeyIsTheSameCommand(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.SQL)
	key := newKey()
	first := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z", "Idempotency-Key", key)
	before := mustRead(t, s, first.id)
	again := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z", "Idempotency-Key", key)
	other := mustPost(t, s, "/api/v1/timestamp/1999-12-31T23:59:59Z", "Idempotency-Key", key)
	if again.id != first.id || other.id != first.id {
		t.Errorf("one key gave the ids %s, %s and %s", first.id, again.id, other.id)
	}
	awaitApplied(t, s, []ticket{first, again, other})
	requireOneRow(t, s, first.id)
	if after := mustRead(t, s, first.id); after.Body != before.Body || after.Header.Get("ETag") != before.Header.Get("ETag") {
		t.Errorf("the repeats changed %s to %s", before.Body, after.Body)
	}
	if another := mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z", "Idempotency-Key", newKey()); another.id == first.id {
		t.Error("two keys gave one id")
	}
}

func TestG3_50RepeatsAtOnceAreOneCommand(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t, stack.SQL)
	key := newKey()
	tickets := all(t, 50, 50, func(ctx context.Context, _ int) (ticket, error) {
		return post(ctx, s, "/api/v1/timestamp/2006-01-02T15:04:05Z", "Idempotency-Key", key)
	})
	for _, held := range tickets {
		if held.id != tickets[0].id {
			t.Fatalf("one key gave the ids %s and %s", tickets[0].id, held.id)
		}
	}
	awaitApplied(t, s, tickets)
	requireOneRow(t, s, tickets[0].id)
}

func requireOneRow(t *testing.T, s *stack.Stack, id string) {
	t.Helper()
	rows, err := s.Number(t.Context(), `SELECT count(*) FROM timestamp_v1.timestamp_records WHERE id = $1`, id)
	if err != nil || rows != 1 {
		t.Errorf("%d rows of command %s, error %v", rows, id, err)
	}
}
