package readmodel_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Readers see a view where rows can change; what was deleted is not in it.
func TestVerify_ComparesWhatReadersSee(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 40)
	n := w.built(strings.Replace(tripsRenamed, "write: insert", "write: upsert\non_null: delete", 1), func(offset int64) (string, []any) {
		return `INSERT INTO trips_v2.trips_state (id, price, seen, _source, _partition, _offset, _time, _deleted)
			VALUES ($1, $2, $3, 0, 0, $1, $3, false), (-$1 - 1, NULL, NULL, 0, 0, $1, $3, true)`, []any{offset, fare(offset), at(offset)}
	})
	if r := w.verify(n); !r.Equal || r.Rows != [2]int64{80, 80} {
		t.Errorf("the report is %+v", r)
	}
	exec(t, w.conn, `UPDATE trips_v2.trips_state SET _deleted = true WHERE id = 7`)
	if r := w.verify(n); r.Equal || r.Missing != 1 || r.Examples[0].Key["id"] != "7" {
		t.Errorf("with a row deleted the report is %+v", r)
	}
}

func TestVerify_NumbersOfAnotherTypeAreComparedByTheirValue(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 40)
	content := strings.NewReplacer(`"numeric(12,4)"`, "float8", "name: id, type: int8", `name: id, type: "numeric(20,0)"`).Replace(tripsRenamed)
	n := w.built(content, renamed(2))
	if r := w.verify(n); !r.Equal {
		t.Errorf("the report is %+v", r)
	}
	exec(t, w.conn, `UPDATE trips_v2.trips SET price = 17.500001 WHERE id = 17`)
	if r := w.verify(n); r.Equal || r.Changed != 1 || *r.Examples[0].Cells[0].Other != "17.500001" {
		t.Errorf("the report is %+v", r)
	}
}

func TestVerify_WithoutACommonKeyWholeRowsAreLookedFor(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 40)
	n := w.built(strings.Replace(tripsRenamed, "primary_key: [id]", "primary_key: [id, seen]", 1), renamed(2))
	if r := w.verify(n); !r.Equal || r.Rows != [2]int64{80, 80} {
		t.Errorf("the report is %+v", r)
	}
	exec(t, w.conn, `INSERT INTO trips_v2.trips SELECT id, price, seen + interval '1 s', note FROM trips_v2.trips WHERE id = 5`)
	exec(t, w.conn, `UPDATE trips_v2.trips SET price = 3 WHERE id = 9`)
	if r := w.verify(n); r.Equal || r.Added != 2 || r.Missing != 1 || r.Changed != 0 {
		t.Errorf("the report is %+v", r)
	}
}

// All of many rows differ: it says so soon, with some examples. An expected column in all of them does not hide another.
func TestVerify_ManyDifferencesAreFoundSoon(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 1)
	exec(t, w.conn, `INSERT INTO trips_v1.trips SELECT n, n % 1000, to_timestamp(n) FROM generate_series(100, 120000) n`)
	exec(t, w.conn, `INSERT INTO trips_v2.trips SELECT n, n % 1000 + 1, to_timestamp(n), NULL FROM generate_series(100, 120000) n`)
	r := w.verify(n)
	if r.Equal || !r.AtLeast || r.Changed < 3 || len(r.Examples) != 3 || r.ByColumn["price"] != r.Changed {
		t.Errorf("the report is %+v", r)
	}
	exec(t, w.conn, `DELETE FROM trips_v2.trips WHERE id = 777`)
	price := readmodel.Expectation{Column: "price", Reason: "r"}
	r, err := readmodel.Verify(t.Context(), w.config(), "trips", n, readmodel.Verifying{Expected: []readmodel.Expectation{price}, Examples: 3, Limit: time.Minute}, mandate)
	if err != nil || r.Equal || r.Missing != 1 || r.Changed != 0 || r.Expected[0].Found < 1 {
		t.Errorf("the report is %+v, %v", r, err)
	}
	if got := fmt.Sprint(r.Examples[0].Kind, " ", r.Examples[0].Key); got != "missing map[id:777]" {
		t.Errorf("the example is %s", got)
	}
}
