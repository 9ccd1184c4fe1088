package readmodel_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestG8_OnlyAVersionThatIsReadyVerifiedAndCurrentMayServe(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 30)
	require(t, w.switchTo(2), readmodel.ErrAbsent, "trips/v2")
	n := w.migrate(tripsRenamed).Declaration.Version
	w.rows["trips/v2"] = renamed(2)
	require(t, w.switchTo(n), readmodel.ErrRefused, "is planned", "readmodel build trips 2")
	w.start(n)
	w.catchUp("trips/v2")
	require(t, w.switchTo(n), readmodel.ErrRefused, "is building", "wait for it")
	w.ready(n)
	require(t, w.switchTo(n), readmodel.ErrRefused, "not verified", "readmodel verify trips 2")
	w.verify(n)
	exec(t, w.conn, `UPDATE counterfoil.read_models SET indexed = false WHERE version = 2`)
	require(t, w.switchTo(n), readmodel.ErrRefused, "indexes")
	exec(t, w.conn, `UPDATE counterfoil.read_models SET indexed = true WHERE version = 2`)
	w.produce(3)
	w.catchUp("trips/v1")
	require(t, w.switchTo(n), readmodel.ErrNotYet, "trips/0 is at 30 of 33", "readmodel status")
	w.requireStates("1 serving, 2 ready")
	w.catchUp("trips/v2")
	w.mustSwitchTo(n)
	w.requireStates("1 ready previous, 2 serving")
	if err := w.switchTo(n); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestG8_AVerificationFromBeforeTheLastBuildDoesNotCount(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	if err := readmodel.Retire(t.Context(), w.conn, "trips", n, false, mandate); err != nil {
		t.Fatal(err)
	}
	w.start(n)
	w.ready(n)
	require(t, w.switchTo(n), readmodel.ErrRefused, "since it was last built")
}

func TestG8_AVerificationAgainstAnotherVersionDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 30)
	w.verify(w.built(tripsRenamed, renamed(2)))
	w.verify(w.built(strings.Replace(tripsRenamed, "price, id", "price", 1), renamed(3)))
	w.mustSwitchTo(2)
	require(t, w.switchTo(3), readmodel.ErrRefused, "compared with v1, and v2 serves now")
	w.verify(3)
	w.mustSwitchTo(3)
	w.requireStates("1 ready, 2 ready previous, 3 serving")
}

func TestSwitch_AnOverrideIsRecordedWithItsReason(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	if _, err := readmodel.Switch(t.Context(), w.conn, "trips", n, "the old one is worse", mandate); err != nil {
		t.Fatal(err)
	}
	w.requireStates("1 ready previous, 2 serving")
	events, err := readmodel.Events(t.Context(), w.conn, "trips")
	if err != nil {
		t.Fatal(err)
	}
	last := events[len(events)-1]
	details, _ := json.Marshal(last.Details)
	if last.Event != "serving" || last.Version != n || last.By != "test" || last.Reason != "because" || string(details) != `{"override":"the old one is worse"}` {
		t.Errorf("recorded is %+v, %s", last, details)
	}
}

func TestG8_RollbackIsTheSameStepTowardsTheVersionBefore(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 30)
	_, err := readmodel.Rollback(t.Context(), w.conn, "trips", 0, mandate)
	require(t, err, readmodel.ErrRefused, "no version of trips served before")
	n := w.built(tripsRenamed, renamed(2))
	w.verify(n)
	w.consume("trips/v1", "trips/v2")
	w.traffic()
	for range 3 {
		w.mustSwitchTo(n)
		w.requireStates("1 ready previous, 2 serving")
		done, err := readmodel.Rollback(t.Context(), w.conn, "trips", 0, mandate)
		if err != nil || done != (readmodel.Switched{From: 2, To: 1}) {
			t.Fatalf("%+v, %v", done, err)
		}
		w.requireStates("1 serving, 2 ready previous")
	}
	again := w.connect()
	if served := scalar[string](t, again, `SELECT split_part(current_setting('search_path'), ',', 1)`); served != "trips_v1" {
		t.Errorf("a name without its schema means %s", served)
	}
}

func TestRollback_ThatNamesItsVersionCanBeRepeated(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	w.mustSwitchTo(n)
	_, err := readmodel.Rollback(t.Context(), w.conn, "trips", 7, mandate)
	require(t, err, readmodel.ErrRefused, "trips/v1 served before, not v7")
	for range 3 {
		if _, err := readmodel.Rollback(t.Context(), w.conn, "trips", 1, mandate); err != nil {
			t.Fatal(err)
		}
		w.requireStates("1 serving, 2 ready previous")
	}
}

func TestG8_WhatServedByAnOverrideNeedsProofToServeAgain(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	if _, err := readmodel.Switch(t.Context(), w.conn, "trips", n, "the old one is worse", mandate); err != nil {
		t.Fatal(err)
	}
	if _, err := readmodel.Rollback(t.Context(), w.conn, "trips", 1, mandate); err != nil {
		t.Fatal(err)
	}
	require(t, w.switchTo(n), readmodel.ErrRefused, "not verified")
	w.verify(n)
	w.mustSwitchTo(n)
}

// Whoever reads the serving version in one statement never finds less than before, although it is switched under traffic.
func TestG8_NoReaderGoesBackInTimeAcrossSwitches(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	w.consume("trips/v1", "trips/v2")
	w.traffic()
	reader, stop := w.connect(), make(chan bool)
	ended := make(chan int)
	go func() {
		looks, last := 0, int64(0)
		for {
			select {
			case <-stop:
				ended <- looks
				return
			default:
			}
			var rows int64
			err := reader.QueryRow(t.Context(), `
				SELECT CASE (SELECT version FROM counterfoil.serving WHERE name = 'trips')
					WHEN 1 THEN (SELECT count(*) FROM trips_v1.trips) ELSE (SELECT count(*) FROM trips_v2.trips) END`).Scan(&rows)
			if err != nil || rows < last {
				t.Errorf("a reader found %d rows after %d (%v)", rows, last, err)
				ended <- looks
				return
			}
			looks, last = looks+1, rows
		}
	}()
	for i := range 10 {
		to := n - i%2
		w.mustSwitchTo(to)
	}
	close(stop)
	if looks := <-ended; looks == 0 {
		t.Error("the reader did not look")
	}
}

func TestSwitch_TwoAtOnceAreOne(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	outcomes := make(chan error)
	for range 4 {
		conn := w.connect()
		go func() {
			_, err := readmodel.Switch(t.Context(), conn, "trips", n, "", mandate)
			outcomes <- err
		}()
	}
	done := 0
	for range 4 {
		switch err := <-outcomes; {
		case err == nil:
			done++
		case !errors.Is(err, readmodel.ErrRunning):
			t.Error(err)
		}
	}
	if done == 0 {
		t.Error("none of them switched")
	}
	w.requireStates("1 ready previous, 2 serving")
	if events := scalar[int](t, w.conn, `SELECT count(*) FROM counterfoil.read_model_history WHERE event = 'serving' AND version = 2`); events != 1 {
		t.Errorf("it was switched %d times", events)
	}
}

// A transaction that a consumer or a reader left open is in the way for a moment; nothing queues up behind the switch.
func TestSwitch_ComesThroughLocks(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	blocker := w.connect()
	tx, err := blocker.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM counterfoil.checkpoints FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	conn := w.connect()
	go func() {
		_, err := readmodel.Switch(t.Context(), conn, "trips", n, "", mandate)
		ended <- err
	}()
	// It has met the lock once, and has let go of its own.
	for {
		var waits bool
		if err := w.conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid = $1)`, conn.PgConn().PID()).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if waits {
			break
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.requireStates("1 ready previous, 2 serving")
}

// Whatever the moment in which an operator's connection breaks, the same command again comes to the same end.
func TestLifecycle_ABrokenConnectionLeavesWhatCanBeResumed(t *testing.T) {
	t.Parallel()
	w := newFilled(t, 30)
	w.rows["trips/v2"] = renamed(2)
	d := declare(t, tripsRenamed)
	steps := []struct {
		do   func(ctx context.Context, conn *pgx.Conn) error
		want string
	}{
		{func(ctx context.Context, conn *pgx.Conn) error {
			_, err := readmodel.Migrate(ctx, conn, d, mandate)
			return err
		}, "1 serving, 2 planned"},
		{func(ctx context.Context, conn *pgx.Conn) error {
			_, err := readmodel.StartBuild(ctx, conn, "trips", 2, readmodel.Build{AllowParked: "r"}, mandate)
			return err
		}, "1 serving, 2 building"},
		{func(ctx context.Context, conn *pgx.Conn) error {
			if w.states() == "1 serving, 2 building" {
				exec(t, w.conn, `UPDATE counterfoil.read_models SET group_id = 'g.trips.v2' WHERE version = 2`)
				w.catchUp("trips/v2")
				w.ready(2)
			}
			_, err := readmodel.Switch(ctx, conn, "trips", 2, "r", mandate)
			return err
		}, "1 ready previous, 2 serving"},
		{func(ctx context.Context, conn *pgx.Conn) error {
			return readmodel.Retire(ctx, conn, "trips", 1, true, mandate)
		}, "1 retired, 2 serving"},
		{func(ctx context.Context, conn *pgx.Conn) error {
			return readmodel.Drop(ctx, conn, "trips", 1, false, mandate)
		}, "1 dropped, 2 serving"},
	}
	for _, step := range steps {
		before := w.states()
		// The nth message to the server is the last one.
		for messages := 1; ; messages++ {
			conn := w.breaking(messages)
			err := step.do(t.Context(), conn)
			if err == nil {
				break
			}
			w.gone(conn)
			if now := w.states(); now != before && now != step.want && now != "1 serving, 2 ready" {
				t.Fatalf("after %d messages the versions are %s: %v", messages, now, err)
			}
			if errors.Is(err, readmodel.ErrRefused) || messages > 60 {
				t.Fatalf("after %d messages: %v", messages, err)
			}
		}
		w.requireStates(step.want)
		if err := step.do(t.Context(), w.conn); err != nil {
			t.Errorf("again, at %s: %v", step.want, err)
		}
		w.requireStates(step.want)
	}
	if left := scalar[string](t, w.conn, `SELECT coalesce(string_agg(nspname, ' '), '') FROM pg_namespace WHERE nspname = 'trips_v1'`); left != "" {
		t.Errorf("left is %s", left)
	}
	// Every state was written into the history once.
	const twice = `SELECT coalesce(string_agg(version || event, ' '), '') FROM (
		SELECT version, event FROM counterfoil.read_model_history WHERE event <> 'ready' GROUP BY 1, 2 HAVING count(*) > 1) e`
	if got := scalar[string](t, w.conn, twice); got != "" {
		t.Errorf("the history has %s twice", got)
	}
}

// breaking returns a connection that breaks when it has sent so many messages to the server.
func (w *world) breaking(messages int) *pgx.Conn {
	w.t.Helper()
	config, err := pgx.ParseConfig(w.db.OwnerURL)
	if err != nil {
		w.t.Fatal(err)
	}
	var wire *fragile
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		wire = &fragile{Conn: conn}
		return wire, nil
	}
	conn, err := pgx.ConnectConfig(w.t.Context(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(w.t.Context())) })
	wire.left.Store(int64(messages))
	return conn
}

// gone waits until the server has noticed that the connection is gone, with all that it held.
func (w *world) gone(conn *pgx.Conn) {
	w.t.Helper()
	for scalar[bool](w.t, w.conn, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, conn.PgConn().PID()) {
		pause(w.t.Context(), time.Millisecond)
	}
}

// fragile breaks behind the last message that it may send; the server gets that one.
type fragile struct {
	net.Conn
	left atomic.Int64 // 0: as many as there are
}

func (f *fragile) Write(b []byte) (int, error) {
	n, err := f.Conn.Write(b)
	if f.left.Add(-1) == 0 {
		_ = f.Conn.Close()
	}
	return n, err
}

func TestG8_WhatOnlyTheNewVersionParkedSinceItWasVerifiedRefusesTheSwitch(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	w.produce(5)
	w.catchUp("trips/v1", "trips/v2")
	w.park(n, 1, 32)
	exec(t, w.conn, `DELETE FROM trips_v2.trips WHERE id = 32 * 2 + 1`)
	require(t, w.switchTo(n), readmodel.ErrRefused, "trips/1@32", "readmodel verify trips 2")
	if r := w.verify(n); r.Equal {
		t.Errorf("a row is missing: %+v", r)
	}
	require(t, w.switchTo(n), readmodel.ErrRefused, "differs")
	w.park(1, 1, 32)
	exec(t, w.conn, `DELETE FROM trips_v1.trips WHERE id = 32 * 2 + 1`)
	w.verify(n)
	w.mustSwitchTo(n)
}

func TestG8_AVerificationFromBeforeANewGroupDoesNotCount(t *testing.T) {
	t.Parallel()
	w, n := newSecond(t, 30)
	w.verify(n)
	// Both are replayed by a new group, and have come as far as each other; but the rows of one were there, and of the other not.
	for version := 1; version <= n; version++ {
		d := &readmodel.Declaration{Name: "trips", Version: version}
		for range 2 {
			if err := readmodel.SetGroup(t.Context(), w.conn, d, d.Group("new")); err != nil {
				t.Fatal(err)
			}
		}
		exec(t, w.conn, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, 'trips', 0, 5), ($1, 'trips', 1, 5)`, d.Group("new"))
	}
	exec(t, w.conn, `DELETE FROM trips_v2.trips WHERE id >= 10`)
	require(t, w.switchTo(n), readmodel.ErrRefused, "since a new group replays it")
	if r := w.verify(n); r.Equal {
		t.Errorf("rows are missing: %+v", r)
	}
	if events := scalar[int](t, w.conn, `SELECT count(*)::int FROM counterfoil.read_model_history WHERE event = 'group'`); events != 2 {
		t.Errorf("%d events say that a group took over; want 2", events)
	}
}
