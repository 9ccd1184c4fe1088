package kafka

import "testing"

func TestBudget_FetchingStopsWhileClaimsHoldTooMuch(t *testing.T) {
	t.Parallel()
	fetching := true
	b := &budget{limit: 100, pause: func() { fetching = false }, resume: func() { fetching = true }}
	for i, step := range []struct {
		bytes int
		want  bool
	}{{99, true}, {1, false}, {1000, false}, {-1000, false}, {-1, true}, {-99, true}, {500, false}, {-500, true}} {
		if b.add(step.bytes); fetching != step.want {
			t.Errorf("step %d: %d bytes are held and fetching is %t", i, b.used, fetching)
		}
	}
}
