package readmodel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestVerify_ColumnsAreFoundAgainByTheirOriginAndNumbersByTheirValue(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 60)
	r := w.verify(n)
	if !r.Equal || r.Rows != [2]int64{120, 120} || r.Against != 1 || len(r.Examples) != 0 {
		t.Errorf("the report is %+v", r)
	}
	if got := fmt.Sprint(r.Columns); got != "[{id id true} {fare price false} {seen seen false}]" || fmt.Sprint(r.Only) != "[[] [note]]" {
		t.Errorf("compared are %s, not %s", got, r.Only)
	}
	kept := scalar[string](t, w.conn, `SELECT version || ' ' || against || ' ' || equal || ' ' || (report->>'hash') FROM counterfoil.verifications`)
	if kept != "2 1 true "+r.Hash {
		t.Errorf("kept is %s", kept)
	}
	if again := w.verify(n); again.Hash != r.Hash {
		t.Errorf("the hash of the same rows was %s and is %s", r.Hash, again.Hash)
	}
}

// A version in which one record came out wrong, one is missing, and one is too many.
func (w *world) wrong() int {
	return w.built(tripsRenamed, func(offset int64) (string, []any) {
		sql, args := renamed(2)(offset)
		switch offset {
		case 17:
			args[1] = "0.01"
		case 18:
			return `SELECT 1`, nil
		case 19:
			return sql + `, (-1, 5, now(), NULL)`, args
		}
		return sql, args
	})
}

func TestG8_VerifyCatchesAWrongVersionAndTheSwitchRefusesIt(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 200)
	n := w.wrong()
	r := w.verify(n)
	if r.Equal || r.Changed != 1 || r.Missing != 1 || r.Added != 1 || r.ByColumn["price"] != 1 || len(r.Examples) != 3 {
		t.Fatalf("the report is %+v", r)
	}
	for _, e := range r.Examples {
		want := map[string]string{"changed": "17", "missing": "18", "added": "-1"}[e.Kind]
		if e.Key["id"] != want {
			t.Errorf("%s is %v", e.Kind, e.Key)
		}
		if e.Kind == "changed" && (len(e.Cells) != 1 || *e.Cells[0].Serving != "17.5" || *e.Cells[0].Other != "0.01") {
			t.Errorf("changed is %+v", e.Cells)
		}
	}
	require(t, w.switchTo(n), readmodel.ErrRefused, "trips/v2 differs", "expected_differences", "readmodel verify trips 2")
	w.requireStates("1 serving, 2 ready")
}

func TestVerify_ExpectedDifferencesAreListedAndNoneElse(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 100)
	n := w.wrong()
	compare := func(expected ...readmodel.Expectation) readmodel.Report {
		r, err := readmodel.Verify(t.Context(), w.config(), "trips", n, readmodel.Verifying{Expected: expected, Examples: 3, Limit: time.Minute}, mandate)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	price := readmodel.Expectation{Column: "price", Reason: "r"}
	missing, added := readmodel.Expectation{Rows: "missing", Reason: "r"}, readmodel.Expectation{Rows: "added", Reason: "r"}
	if r := compare(price); r.Equal || r.Changed != 0 || r.Missing != 1 || r.Added != 1 || r.Expected[0].Found != 1 {
		t.Errorf("with the price expected: %+v", r)
	}
	if r := compare(missing, added); r.Equal || r.Changed != 1 || r.Missing+r.Added != 0 {
		t.Errorf("with rows expected: %+v", r)
	}
	r := compare(price, missing, added)
	if !r.Equal || fmt.Sprint(r.Expected[0].Found, r.Expected[1].Found, r.Expected[2].Found) != "1 1 1" {
		t.Errorf("with all expected: %+v", r)
	}
	w.mustSwitchTo(n)
}

func TestG8_VerifyComparesTheParkedRecords(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 50)
	w.park(1, 0, 3, 4)
	w.park(2, 0, 3, 4, 9999) // the last is beyond where they are compared
	if r := w.verify(n); !r.Equal || r.Parked.Both != 2 {
		t.Errorf("the same records are parked: %+v", r.Parked)
	}
	w.park(2, 0, 5)
	r := w.verify(n)
	if r.Equal || r.Parked.Other != 1 || strings.Join(r.Parked.Examples, "") != "trips/0@5 is parked (undecodable) in trips/v2 only" {
		t.Errorf("one more is parked: %+v", r.Parked)
	}
	require(t, w.switchTo(n), readmodel.ErrRefused, "differs")
	exec(t, w.conn, `UPDATE counterfoil.read_models SET allow_parked = true WHERE version = 2`)
	if r := w.verify(n); !r.Equal || !r.Parked.Expected {
		t.Errorf("one more is parked, which is allowed: %+v", r.Parked)
	}
	w.park(1, 0, 6)
	if r := w.verify(n); r.Equal || r.Parked.Serving != 1 {
		t.Errorf("the serving version parked what the other applied: %+v", r.Parked)
	}
}

func TestG8_VerifyComparesAtTheSamePositionsUnderTraffic(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 50)
	w.consume("trips/v1", "trips/v2")
	w.traffic()
	last := int64(0)
	for range 5 {
		r := w.verify(n)
		if !r.Equal || r.Rows[0] != r.Rows[1] {
			t.Fatalf("the report is %+v", r)
		}
		if sum := r.Positions[0].Next + r.Positions[1].Next; sum != r.Rows[0] || sum < last {
			t.Errorf("%d rows at %+v", r.Rows[0], r.Positions)
		}
		last = r.Rows[0]
	}
	if held := scalar[int](t, w.conn, `SELECT count(*) FROM counterfoil.checkpoints WHERE hold_at IS NOT NULL`); held != 0 {
		t.Errorf("%d checkpoints are still held", held)
	}
}

func TestVerify_SaysWhatItCannotCompare(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 10)
	_, err := w.tryVerify(1)
	require(t, err, readmodel.ErrRefused, "trips/v1 serves")
	_, err = w.tryVerify(7)
	require(t, err, readmodel.ErrAbsent, "trips/v7", "readmodel status")
	n := w.migrate(tripsRenamed).Declaration.Version
	_, err = w.tryVerify(n)
	require(t, err, readmodel.ErrRefused, "trips/v2 is planned", "readmodel build trips 2")
	w.start(n)
	w.ready(n)
	_, err = w.tryVerify(n)
	require(t, err, readmodel.ErrRefused, "no topic in common")
}

// Nobody applies records: a version that is ahead, or behind, cannot be compared, and nothing stays held.
func TestVerify_GivesUpWhereNobodyAppliesRecords(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 10)
	for _, ahead := range []string{"trips/v1", "trips/v2"} {
		w.produce(1)
		w.catchUp(ahead)
		_, err := readmodel.Verify(t.Context(), w.config(), "trips", n, readmodel.Verifying{Limit: 100 * time.Millisecond}, mandate)
		require(t, err, readmodel.ErrNotYet, "consumer-service")
		w.catchUp("trips/v1", "trips/v2")
	}
	if r := w.verify(n); !r.Equal {
		t.Errorf("the report is %+v", r)
	}
}

// Its process is gone, or somebody stopped it.
func TestVerify_ThatIsKilledHoldsNothingForLong(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 10)
	w.produce(1)
	w.catchUp("trips/v2") // so that it waits for v1, holding v2

	ctx, cancel := context.WithCancel(t.Context())
	_, err := readmodel.Verify(ctx, w.config(), "trips", n, readmodel.Verifying{Limit: time.Minute, Say: func(string) { cancel() }}, mandate)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it was stopped and ended with %v", err)
	}
	if held := scalar[int](t, w.conn, `SELECT count(*) FROM counterfoil.checkpoints WHERE hold_at IS NOT NULL`); held != 0 {
		t.Errorf("%d checkpoints are still held", held)
	}

	backends := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'counterfoil verify%'`
	_, err = readmodel.Verify(t.Context(), w.config(), "trips", n, readmodel.Verifying{Limit: time.Minute, Say: func(what string) {
		if strings.Contains(what, "has passed") {
			exec(t, w.conn, `ALTER DATABASE `+postgres.Identifier(w.db.Name)+` CONNECTION LIMIT 0`)
			exec(t, w.conn, backends)
		}
	}}, mandate)
	exec(t, w.conn, `ALTER DATABASE `+postgres.Identifier(w.db.Name)+` CONNECTION LIMIT -1`)
	if err == nil || !strings.Contains(err.Error(), "is held for another 10s at most") {
		t.Errorf("without a connection it ended with %v", err)
	}
	if left := scalar[float64](t, w.conn, `SELECT extract(epoch FROM max(hold_until) - now())::float8 FROM counterfoil.checkpoints`); left <= 0 || left > 10 {
		t.Errorf("it is held for %g s more", left)
	}
}

func TestVerify_TheSecondOperatorHearsWhoIsAtWork(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 10)
	looking, goOn, ended := make(chan bool), make(chan bool), make(chan error)
	go func() {
		told := false
		_, err := readmodel.Verify(t.Context(), w.config(), "trips", n, readmodel.Verifying{Limit: time.Minute, Say: func(string) {
			if !told {
				told = true
				looking <- true
				<-goOn
			}
		}}, readmodel.Mandate{By: "alice"})
		ended <- err
	}()
	<-looking
	require(t, w.switchTo(n), readmodel.ErrRunning, "counterfoil verify trips/v2 by alice")
	_, err := w.tryVerify(n)
	require(t, err, readmodel.ErrRunning, "by alice")
	goOn <- true
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.mustSwitchTo(n)
}
