package integration

import (
	"context"
	"fmt"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/position"
)

// requireTimestamp fails the test unless the body is the published form of a timestamp with that id and event time.
func requireTimestamp(t *testing.T, body, id, at string) {
	t.Helper()
	want := fmt.Sprintf(`{"command_id":"%s","id":"%s","event_timestamp":"%s","created_at":"`, id, id, at)
	if len(body) < len(want) || body[:len(want)] != want {
		t.Errorf("the timestamp is %s, want %s…", body, want)
	}
}

// awaitApplied waits until the checkpoints are past every ticket's position: each of their records has been dealt with,
// also those that changed nothing.
func awaitApplied(t *testing.T, s *stack.Stack, tickets []ticket) {
	t.Helper()
	furthest := map[int32]int64{}
	topic := ""
	for _, held := range tickets {
		at, err := position.Parse(held.position)
		if err != nil {
			t.Fatal(err)
		}
		topic = at.Topic
		furthest[at.Partition] = max(furthest[at.Partition], at.Offset)
	}
	for partition, offset := range furthest {
		await.Until(t, func(ctx context.Context) error {
			next, err := s.Number(ctx, `
				SELECT coalesce(max(next_offset), 0) FROM counterfoil.checkpoints JOIN counterfoil.read_models USING (group_id)
				WHERE topic = $1 AND partition = $2`, topic, partition)
			if err == nil && next <= offset {
				err = fmt.Errorf("partition %d is applied up to %d, not %d", partition, next, offset)
			}
			return err
		})
	}
}

// requireWhole fails the test unless rows and checkpoints belong together: in a topic without repeats and parked records
// each offset below a checkpoint made one row. One statement sees one snapshot, so this holds at any time (G4).
func requireWhole(t *testing.T, s *stack.Stack) {
	t.Helper()
	surplus, err := s.Number(t.Context(), `
		SELECT (SELECT count(*) FROM timestamp_v1.timestamp_records) - coalesce(sum(next_offset), 0)::bigint
		FROM counterfoil.checkpoints JOIN counterfoil.read_models USING (group_id)`)
	if err != nil || surplus != 0 {
		t.Errorf("%d more rows than the checkpoints say, error %v", surplus, err)
	}
}
