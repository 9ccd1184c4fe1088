package readmodel_test

import (
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestDrop_SparesWhatServesAndWhatARollbackNeeds(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	retire := func(number int, force bool) error {
		return readmodel.Retire(t.Context(), w.conn, "trips", number, force, mandate)
	}
	drop := func(number int, force bool) error {
		return readmodel.Drop(t.Context(), w.conn, "trips", number, force, mandate)
	}
	for _, do := range []func(int, bool) error{retire, drop} {
		require(t, do(1, true), readmodel.ErrRefused, "trips/v1 serves", "readmodel switch trips --to N")
		require(t, do(9, true), readmodel.ErrAbsent)
	}
	require(t, drop(n, false), readmodel.ErrRefused, "trips/v2 is ready", "readmodel retire trips 2")
	w.mustSwitchTo(n)
	require(t, retire(1, false), readmodel.ErrRefused, "readmodel rollback trips", "retire trips 1 --force")
	require(t, drop(1, false), readmodel.ErrRefused, "readmodel rollback trips", "drop trips 1 --force")
	w.requireStates("1 ready previous, 2 serving")
	if err := retire(1, true); err != nil {
		t.Fatal(err)
	}
	w.requireStates("1 retired, 2 serving")
	_, err := readmodel.Rollback(t.Context(), w.conn, "trips", 0, mandate)
	require(t, err, readmodel.ErrRefused)
	if rows := scalar[int](t, w.conn, `SELECT count(*) FROM trips_v1.trips`); rows != 60 {
		t.Errorf("%d rows are left of a version that is only retired", rows)
	}
	if err := drop(1, false); err != nil {
		t.Fatal(err)
	}
	w.requireStates("1 dropped, 2 serving")
	require(t, retire(1, false), readmodel.ErrRefused, "dropped already")
	_, err = readmodel.StartBuild(t.Context(), w.conn, "trips", 1, readmodel.Build{}, mandate)
	require(t, err, readmodel.ErrRefused, "its number is not used again")
}

func TestDrop_RemovesAllButTheRowThatSaysSo(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	for version := 1; version <= 2; version++ {
		w.park(version, 0, 5)
	}
	if err := readmodel.Drop(t.Context(), w.conn, "trips", n, true, mandate); err != nil {
		t.Fatal(err)
	}
	w.requireStates("1 serving, 2 dropped")
	for what, count := range map[string]string{
		"schemas":     `SELECT count(*) FROM pg_namespace WHERE nspname = 'trips_v2'`,
		"checkpoints": `SELECT count(*) FROM counterfoil.checkpoints WHERE group_id LIKE '%.v2'`,
		"parked":      `SELECT count(*) FROM counterfoil.parked WHERE version = 2`,
		"targets":     `SELECT count(*) FROM counterfoil.build_targets WHERE version = 2`,
	} {
		if left := scalar[int](t, w.conn, count); left != 0 {
			t.Errorf("%d %s are left", left, what)
		}
	}
	kept := scalar[string](t, w.conn, `SELECT (SELECT count(*) FROM trips_v1.trips) || ' ' || (SELECT count(*) FROM counterfoil.checkpoints) || ' ' || (SELECT count(*) FROM counterfoil.parked)`)
	if kept != "60 2 1" {
		t.Errorf("rows, checkpoints and parked records of the other version: %s", kept)
	}
	events := scalar[string](t, w.conn, `SELECT string_agg(event, ' ' ORDER BY id) FROM counterfoil.read_model_history WHERE version = 2`)
	if events != "planned building ready retired dropped" {
		t.Errorf("the history is %s", events)
	}
}

func TestDrop_TakesNothingAlongThatIsNotOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.migrate(tripsRenamed)
	exec(t, w.conn, `CREATE VIEW public.report AS SELECT price FROM trips_v2.trips`)
	err := readmodel.Drop(t.Context(), w.conn, "trips", 2, true, mandate)
	require(t, err, readmodel.ErrRefused, "depends on", "trips_v2")
	w.requireStates("1 serving, 2 planned")
	exec(t, w.conn, `DROP VIEW public.report`)
	if err := readmodel.Drop(t.Context(), w.conn, "trips", 2, false, mandate); err != nil {
		t.Error(err)
	}
}

// A version whose rows can change has a table and a view.
func TestDrop_KnowsViews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.migrate(strings.Replace(tripsRenamed, "write: insert", "write: upsert\non_null: delete", 1)).Declaration.Version
	if err := readmodel.Drop(t.Context(), w.conn, "trips", n, false, mandate); err != nil {
		t.Error(err)
	}
	w.requireStates("1 serving, 2 dropped")
}

func TestStartBuild_KeepsWhereTheTopicsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.produce(30)
	n := w.migrate(tripsRenamed).Declaration.Version
	for range 2 {
		if v := w.start(n); v.State != readmodel.Building || v.Indexed {
			t.Errorf("the version is %+v", v)
		}
	}
	w.produce(5)
	w.start(n) // the targets are those of the beginning
	targets := scalar[string](t, w.conn, `SELECT string_agg(topic || '/' || partition || '@' || next_offset, ' ' ORDER BY partition) FROM counterfoil.build_targets`)
	if targets != "trips/0@30 trips/1@30" {
		t.Errorf("the targets are %s", targets)
	}
	if records := scalar[int](t, w.conn, `SELECT (details->>'records')::int FROM counterfoil.read_model_history WHERE event = 'building'`); records != 60 {
		t.Errorf("%d records were to be read", records)
	}
}

func TestStartBuild_ThereIsOneAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.migrate(tripsRenamed).Declaration.Version)
	third := w.migrate(tripsRenamed + "table: rides\n").Declaration.Version
	_, err := readmodel.StartBuild(t.Context(), w.conn, "trips", third, readmodel.Build{}, mandate)
	require(t, err, readmodel.ErrRefused, "trips/v2 is being built", "readmodel retire trips 2")
	w.requireStates("1 serving, 2 building, 3 planned")
	if _, err := w.conn.Exec(t.Context(), `UPDATE counterfoil.read_models SET state = 'building' WHERE version = 3`); err == nil {
		t.Error("the database allows two versions that are building")
	}
	if _, err := w.conn.Exec(t.Context(), `UPDATE counterfoil.read_models SET state = 'serving' WHERE version = 3`); err == nil {
		t.Error("the database allows two versions that serve")
	}
}

func TestStartBuild_ABuilderIsReplacedOnlyWhenItIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.migrate(tripsRenamed).Declaration.Version
	local := w.connect()
	if err := readmodel.LockBuilder(t.Context(), local, "trips", n); err != nil {
		t.Fatal(err)
	}
	v, err := readmodel.StartBuild(t.Context(), local, "trips", n, readmodel.Build{Builder: "me"}, mandate)
	if err != nil || v.Builder != "me" || v.State != readmodel.Building {
		t.Fatalf("%+v, %v", v, err)
	}
	_, err = readmodel.StartBuild(t.Context(), w.conn, "trips", n, readmodel.Build{}, mandate)
	require(t, err, readmodel.ErrRunning, "trips/v2")
	require(t, readmodel.LockBuilder(t.Context(), w.conn, "trips", n), readmodel.ErrRunning)
	require(t, readmodel.Retire(t.Context(), w.conn, "trips", n, false, mandate), readmodel.ErrRunning)
	requireGone := func(want bool) {
		if gone, err := readmodel.BuilderGone(t.Context(), w.conn, v); err != nil || gone != want {
			t.Errorf("that the builder is gone is %v (%v), want %v", gone, err, want)
		}
	}
	requireGone(false)
	if err := local.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.gone(local)
	requireGone(true)
	if v, err = readmodel.StartBuild(t.Context(), w.conn, "trips", n, readmodel.Build{}, mandate); err != nil || v.Builder != "" {
		t.Errorf("after it is gone: %+v, %v", v, err)
	}
	requireGone(false)
}
