package apply_test

import (
	"slices"
	"testing"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
)

// While a topic is replayed over its rows, batches are compared and nothing is inserted; a new command among them becomes
// a row all the same, and the one that differs is counted.
func TestApply_RepeatsAreComparedAndWhatIsNewAmongThemIsInserted(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	repeats, next := records(0, 2001, 2002, 2003), int64(0)
	for i, test := range []struct {
		new     []int // years of commands that come behind the repeats
		differs bool  // the first of the repeats says something else
		want    apply.Result
		rows    int
	}{
		{want: apply.Result{Applied: 3}, rows: 3},
		{want: apply.Result{AlreadyThere: 3}, rows: 3},
		{want: apply.Result{AlreadyThere: 3}, rows: 3},
		{differs: true, want: apply.Result{AlreadyThere: 3, Differing: 1}, rows: 3},
		{new: []int{2004}, want: apply.Result{Applied: 1, AlreadyThere: 3}, rows: 4},
		{differs: true, new: []int{2005, 2006}, want: apply.Result{Applied: 2, AlreadyThere: 3, Differing: 1}, rows: 6},
		{want: apply.Result{AlreadyThere: 3}, rows: 6},
	} {
		batch := append(slices.Clone(repeats), records(0, test.new...)...)
		if test.differs {
			batch[0].Value = slices.Concat([]byte(`{"command_id":"`), batch[0].Key, []byte(`","event_timestamp":"1999-01-01T00:00:00Z"}`))
		}
		for j := range batch {
			batch[j].Position.Offset = next + int64(j)
		}
		got, err := m.applier.Apply(t.Context(), next, batch)
		if err != nil {
			t.Fatal(err)
		}
		if got.Applied != test.want.Applied || got.AlreadyThere != test.want.AlreadyThere || got.Differing != test.want.Differing {
			t.Errorf("batch %d: %+v, want %+v", i, got, test.want)
		}
		m.require(rowCount, test.rows)
		next = got.Next
		m.require(checkpoint, next)
	}
	m.require(`SELECT count(*) FROM timestamp_v1.timestamp_records WHERE event_timestamp < '2000-01-01'`, 0)
}
