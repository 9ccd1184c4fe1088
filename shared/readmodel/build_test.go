package readmodel_test

import (
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// newBuild returns a database in which timestamp/v1 serves and timestamp/v2 is building, each with a group of its own.
func newBuild(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, d := newVersion(t)
	second := d.Numbered(2)
	if err := ensure(t, conn, second); err != nil {
		t.Fatal(err)
	}
	for _, version := range []*readmodel.Declaration{d, second} {
		if err := readmodel.SetGroup(t.Context(), conn, version, version.Group("g")); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// checkpoint puts the version's checkpoint of a partition there.
func checkpoint(t *testing.T, conn *pgx.Conn, version string, partition int, next int64) {
	t.Helper()
	exec(t, conn, `
		INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, 't', $2, $3)
		ON CONFLICT (group_id, topic, partition) DO UPDATE SET next_offset = excluded.next_offset`, "g.timestamp."+version, partition, next)
}

func TestCaughtUp_MeansPastTheServingVersionInEveryPartition(t *testing.T) {
	t.Parallel()
	conn := newBuild(t)
	require := func(want bool, why string) {
		t.Helper()
		if got, err := readmodel.CaughtUp(t.Context(), conn, "timestamp", 2); err != nil || got != want {
			t.Errorf("caught up is %v (%v), want %v: %s", got, err, want, why)
		}
	}
	require(false, "nothing is known of any partition")
	checkpoint(t, conn, "v1", 0, 10)
	checkpoint(t, conn, "v1", 1, 0)
	require(false, "it began no partition")
	checkpoint(t, conn, "v2", 0, 10)
	require(false, "it did not begin the empty partition")
	checkpoint(t, conn, "v2", 1, 0)
	require(true, "it is where the serving version is")
	checkpoint(t, conn, "v1", 1, 1)
	require(false, "the serving version went on in one partition")
	checkpoint(t, conn, "v2", 1, 2)
	require(true, "it is further")
	exec(t, conn, `INSERT INTO counterfoil.build_targets VALUES ('timestamp', 2, 't', 0, 11)`)
	require(false, "its target is further than the serving version")
	checkpoint(t, conn, "v2", 0, 11)
	require(true, "it is past both")
	exec(t, conn, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ('g.timestamp.v1', 'other', 0, 99)`)
	require(true, "it does not read the other topic")
}

func TestMarkReady_OnlyWithIndexesAtItsTargetsAndOnce(t *testing.T) {
	t.Parallel()
	conn := newBuild(t)
	mark := func(want bool, why string) {
		t.Helper()
		if got, err := readmodel.MarkReady(t.Context(), conn, "timestamp", 2, "test"); err != nil || got != want {
			t.Errorf("marked is %v (%v), want %v: %s", got, err, want, why)
		}
	}
	if aimed, err := readmodel.AimAtServing(t.Context(), conn, "timestamp", 2); err != nil || aimed {
		t.Fatalf("aimed %v at a serving version that began nothing: %v", aimed, err)
	}
	checkpoint(t, conn, "v1", 0, 10)
	checkpoint(t, conn, "v2", 0, 9)
	if aimed, err := readmodel.AimAtServing(t.Context(), conn, "timestamp", 2); err != nil || !aimed {
		t.Fatalf("aimed %v: %v", aimed, err)
	}
	if err := readmodel.MarkIndexed(t.Context(), conn, "timestamp", 2); err != nil {
		t.Fatal(err)
	}
	mark(false, "it is one record behind")
	checkpoint(t, conn, "v1", 0, 12)
	checkpoint(t, conn, "v2", 0, 10)
	exec(t, conn, `UPDATE counterfoil.read_models SET indexed = false, builder = 'somebody' WHERE version = 2`)
	mark(false, "it has no indexes")
	exec(t, conn, `UPDATE counterfoil.read_models SET indexed = true WHERE version = 2`)
	mark(true, "it is where the serving version was at one commit")
	mark(false, "it is ready already")
	if got := scalar[string](t, conn, `SELECT state || builder FROM counterfoil.read_models WHERE version = 2`); got != "ready" {
		t.Errorf("it is %q, want ready and for everybody", got)
	}
	if n := scalar[int](t, conn, `SELECT count(*) FROM counterfoil.read_model_history WHERE version = 2 AND event = 'ready' AND changed_by = 'test'`); n != 1 {
		t.Errorf("the history tells it %d times", n)
	}
}

func TestBootstrap_LeavesModelsAloneThatHaveAVersion(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	changed, other := d.Numbered(7), *d
	changed.Indexes = nil
	other.Name = "other"
	for range 2 {
		if err := readmodel.Bootstrap(t.Context(), conn, []*readmodel.Declaration{changed, other.Numbered(3)}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	got := scalar[string](t, conn, `SELECT string_agg(name || version || state, ' ' ORDER BY name) FROM counterfoil.read_models`)
	if got != "other3serving timestamp1serving" {
		t.Errorf("the versions are %s", got)
	}
}

func TestRestore_MakesATableAnewButNeverAVersion(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	restore := func(d *readmodel.Declaration) error {
		return readmodel.Restore(t.Context(), conn, d, slog.New(slog.DiscardHandler))
	}
	exec(t, conn, `DROP SCHEMA timestamp_v1 CASCADE`)
	if err := restore(d); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, conn, `SELECT count(*) FROM timestamp_v1.timestamp_records`); n != 0 {
		t.Errorf("the table made anew has %d rows", n)
	}
	changed := *d
	changed.Indexes = nil
	if err := restore(&changed); err == nil {
		t.Error("it was restored in another shape")
	}
	if err := restore(d.Numbered(2)); err == nil {
		t.Error("a version that nobody created was restored")
	}
	exec(t, conn, `UPDATE counterfoil.read_models SET state = 'retired'`)
	if err := restore(d); err == nil {
		t.Error("a retired version was restored")
	}
	if n := scalar[int](t, conn, `SELECT count(*) FROM counterfoil.read_models`); n != 1 {
		t.Errorf("there are %d versions", n)
	}
}
