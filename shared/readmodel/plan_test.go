package readmodel_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func (w *world) plan(content string) readmodel.Plan {
	w.t.Helper()
	plan, err := readmodel.PlanFor(w.t.Context(), w.conn, declare(w.t, content))
	if err != nil {
		w.t.Fatal(err)
	}
	return plan
}

func TestPlan_AVersionIsNeededWhereTheShapeIsAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	replaced := func(old, new string) string {
		if !strings.Contains(trips, old) {
			t.Fatalf("there is no %q", old)
		}
		return strings.Replace(trips, old, new, 1)
	}
	for content, want := range map[string]string{
		replaced("write: insert\n", "write: insert\nindexes: [{columns: [seen]}]\n"): "the index on seen is new",
		replaced("name: seen", "name: at"):                                           "column at is new; column seen is gone",
		replaced("numeric(10,2)", "numeric(12,2)"):                                   "the type of column fare was numeric(10,2) and is numeric(12,2)",
		replaced("from: $.fare", "from: $.price"):                                    "the origin of column fare was $.fare and is $.price",
		replaced("from: $.fare", "from: $.fare, nullable: true"):                     "whether column fare is nullable was false and is true",
		replaced("from: $.fare", "from: $.fare, default: '0'"):                       `the default of column fare was none and is "0"`,
		replaced("primary_key: [id]", "primary_key: [id, seen]"):                     "the primary key was id and is id seen",
		replaced("key: id\n", ""):                                                    "the key of records was id and is none",
		replaced("write: insert", "write: upsert"):                                   "the write rule was insert and is upsert",
		replaced("write: insert", "write: upsert\non_null: delete"):                  "the write rule was insert and is upsert; what a null value does was park and is delete",
		replaced("topic: trips", "topic: rides"):                                     "the list of topics was trips and is rides",
		replaced("key: id\n", "key: id\ntable: rides\n"):                             "the table was trips and is rides",
	} {
		plan := w.plan(content)
		for i, reason := range plan.Reasons {
			plan.Reasons[i] = strings.TrimPrefix(reason, "differs from v1, which is serving: ")
		}
		if got := strings.Join(plan.Reasons, "; "); !plan.Needed || plan.Declaration.Version != 2 || got != want {
			t.Errorf("needed %v, v%d, because %s\nwant %s", plan.Needed, plan.Declaration.Version, got, want)
		}
	}
}

func TestPlan_NoVersionIsNeededWhereTheShapeIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := strings.Replace(trips, "name: trips\n", "name: trips\npath: /rides\n", 1) + "expected_differences: [{column: fare, reason: r}]\n"
	for name, content := range map[string]string{"the same": trips, "what is no shape": other} {
		plan := w.plan(content)
		if plan.Needed || plan.Declaration.Version != 1 || plan.State != readmodel.Serving || len(plan.Reasons) != 1 {
			t.Errorf("%s: %+v", name, plan)
		}
	}
	w.migrate(tripsRenamed)
	if plan := w.plan(tripsRenamed); plan.Needed || plan.State != readmodel.Planned || plan.Declaration.Version != 2 {
		t.Errorf("what is planned: %+v", plan)
	}
	if plan := w.plan(trips); plan.Needed || plan.State != readmodel.Serving || plan.Declaration.Version != 1 {
		t.Errorf("a file that was taken back: %+v", plan)
	}
}

func TestPlan_DroppedVersionsCountOnlyForTheirNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.migrate(tripsRenamed)
	if err := readmodel.Drop(t.Context(), w.conn, "trips", 2, false, mandate); err != nil {
		t.Fatal(err)
	}
	if plan := w.plan(tripsRenamed); !plan.Needed || plan.Declaration.Version != 3 || !strings.Contains(plan.Reasons[0], "differs from v1") {
		t.Errorf("%+v", plan)
	}
}

func TestPlan_ANumberThatTheDatabaseKnowsInAnotherShapeIsPassedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	exec(t, w.conn, `CREATE SCHEMA trips_v2; CREATE TABLE trips_v2.trips (id int)`)
	plan := w.plan(tripsRenamed)
	if plan.Declaration.Version != 3 || !slices.ContainsFunc(plan.Reasons, func(r string) bool { return strings.Contains(r, "trips_v2 holds a table") }) {
		t.Errorf("%+v", plan)
	}
	// An empty table of that very shape is no obstacle; one with rows that no version knows of is.
	exec(t, w.conn, `DROP TABLE trips_v2.trips; CREATE TABLE trips_v2.trips (id bigint PRIMARY KEY, price numeric(12,4) NOT NULL, seen timestamptz NOT NULL, note text)`)
	if plan := w.plan(tripsRenamed); plan.Declaration.Version != 2 {
		t.Errorf("%+v", plan)
	}
	exec(t, w.conn, `INSERT INTO trips_v2.trips VALUES (1, 2, now(), 'left')`)
	if plan := w.plan(tripsRenamed); plan.Declaration.Version != 3 {
		t.Errorf("%+v", plan)
	}
	if plan := w.migrate(tripsRenamed); plan.Declaration.Version != 3 {
		t.Errorf("%+v", plan)
	}
	w.requireStates("1 serving, 3 planned")
}

func TestPlan_EveryTypeIsKnownAgainInTheCatalog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := "name: things\nsource: {topic: t, format: json}\ncolumns:\n  - {name: id, type: int8, from: $.id}\n"
	for _, kind := range []string{"text", "bool", "int4", "float8", "numeric", "numeric(9,3)", "uuid", "timestamptz", "date", "jsonb", "bytea"} {
		name := strings.NewReplacer("(", "_", ",", "_", ")", "").Replace(kind)
		content += fmt.Sprintf("  - {name: c_%s, type: %q, from: $.%s}\n", name, kind, name)
	}
	for _, write := range []string{"insert", "upsert"} {
		declared := content + "primary_key: [id]\nwrite: " + write + "\n"
		exec(t, w.conn, `DELETE FROM counterfoil.read_model_history WHERE name = 'things'`)
		exec(t, w.conn, `DELETE FROM counterfoil.read_models WHERE name = 'things'`)
		exec(t, w.conn, `DROP SCHEMA IF EXISTS things_v1 CASCADE`)
		for range 2 { // the second time the control tables were lost
			exec(t, w.conn, `DELETE FROM counterfoil.read_model_history WHERE name = 'things'`)
			exec(t, w.conn, `DELETE FROM counterfoil.read_models WHERE name = 'things'`)
			plan, err := readmodel.Migrate(t.Context(), w.conn, declare(t, declared), mandate)
			if err != nil || !plan.First || plan.Declaration.Version != 1 || len(plan.Reasons) != 1 {
				t.Errorf("%s: %+v, %v", write, plan, err)
			}
		}
	}
}

func TestMigrate_MakesWhatThePlanSaysOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		w.migrate(tripsRenamed)
		w.requireStates("1 serving, 2 planned")
	}
	if indexes := scalar[int](t, w.conn, `SELECT count(*) FROM pg_indexes WHERE schemaname = 'trips_v2'`); indexes != 1 {
		t.Errorf("the empty table has %d indexes, want its primary key's alone", indexes)
	}
	if !scalar[bool](t, w.conn, `SELECT has_table_privilege('counterfoil_writer', 'trips_v2.trips', 'INSERT')`) {
		t.Error("the writer may not write")
	}
	numbers := `SELECT string_agg(field || number, ' ' ORDER BY number) FROM counterfoil.read_model_fields WHERE name = 'trips'`
	if got := scalar[string](t, w.conn, numbers); got != "id1 fare2 seen3 price4 note5" {
		t.Errorf("the numbers of the fields are %s", got)
	}
	events := scalar[string](t, w.conn, `SELECT string_agg(version || event || changed_by || reason, ' ' ORDER BY id) FROM counterfoil.read_model_history`)
	if events != "1servingtestbecause 2plannedtestbecause" {
		t.Errorf("the history is %s", events)
	}
}

func TestBuildRate_IsThatOfTheLastBuildOfTheModel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rate := func() string {
		perSecond, label, err := readmodel.BuildRate(t.Context(), w.conn, "trips")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%.0f %s", perSecond, label)
	}
	if got := rate(); got != "0 " {
		t.Errorf("without a build: %s", got)
	}
	w.migrate(tripsRenamed)
	exec(t, w.conn, `INSERT INTO counterfoil.read_model_history (name, version, event, changed_by, details, changed_at) VALUES
		('trips', 2, 'building', 't', '{"records": 90000}', '2026-01-01T00:00:00Z'), ('trips', 2, 'retired', 't', '{}', '2026-01-01T00:00:01Z'),
		('trips', 2, 'building', 't', '{"records": 50000}', '2026-01-01T00:01:00Z'), ('trips', 2, 'ready', 't', '{}', '2026-01-01T00:01:10Z'),
		('trips', 2, 'building', 't', '{"records": 5}', '2026-01-01T00:02:00Z'), ('trips', 2, 'ready', 't', '{}', '2026-01-01T00:02:10Z')`)
	if got := rate(); got != "5000 trips/v2" {
		t.Errorf("after builds: %s", got)
	}
}
