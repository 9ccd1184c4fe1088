package readmodel_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// discard is a log that nobody reads.
var discard = slog.New(slog.DiscardHandler)

func ensure(t *testing.T, conn *pgx.Conn, d *readmodel.Declaration) error {
	t.Helper()
	return readmodel.Ensure(t.Context(), conn, d, slog.New(slog.DiscardHandler))
}

func scalar[T any](t *testing.T, conn *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var value T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func exec(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

const insertRow = `INSERT INTO timestamp_v1.timestamp_records VALUES ('7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01', now(), now())`

func TestEnsure_AgainNeitherDropsNorEmptiesAnything(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	exec(t, conn, insertRow)
	exec(t, conn, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, 't', 0, 7)`, d.Group("g"))
	if err := ensure(t, conn, d); err != nil {
		t.Fatal(err)
	}
	if n := scalar[int](t, conn, `SELECT count(*) FROM timestamp_v1.timestamp_records`); n != 1 {
		t.Errorf("%d rows are left of 1", n)
	}
	if n := scalar[int](t, conn, `SELECT next_offset FROM counterfoil.checkpoints`); n != 7 {
		t.Errorf("the checkpoint moved to %d", n)
	}
}

func TestEnsure_ATableMadeAnewBeginsAtOffset0(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	exec(t, conn, `INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, 't', 0, 7), ('other', 't', 0, 9)`, d.Group("g"))
	exec(t, conn, `DROP TABLE timestamp_v1.timestamp_records`)
	if err := ensure(t, conn, d); err != nil {
		t.Fatal(err)
	}
	left := scalar[string](t, conn, `SELECT string_agg(group_id || next_offset, ',') FROM counterfoil.checkpoints`)
	if left != "other9" {
		t.Errorf("the checkpoints are %s, want only the other group's", left)
	}
}

func TestEnsure_AChangedDeclarationOfTheSameVersionIsRefused(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	changed := *d
	changed.Indexes = nil
	err := ensure(t, conn, &changed)
	if !fault.Is(err, fault.Misconfigured) || !strings.Contains(err.Error(), "counterfoil readmodel plan") {
		t.Errorf("the changed declaration ended with %v", err)
	}
}

func TestEnsure_ANameWithoutItsSchemaMeansTheServingVersion(t *testing.T) {
	t.Parallel()
	conn, _ := newVersion(t)
	exec(t, conn, insertRow)
	again, err := pgx.ConnectConfig(t.Context(), conn.Config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close(t.Context()) })
	exec(t, again, `TRUNCATE timestamp_records`)
	if n := scalar[int](t, conn, `SELECT count(*) FROM timestamp_v1.timestamp_records`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestEnsure_RolesGetWhatTheyNeedAndNoMore(t *testing.T) {
	t.Parallel()
	conn, _ := newVersion(t)
	may := func(role, table, right string) bool {
		return scalar[bool](t, conn, `SELECT has_table_privilege($1, $2, $3)`, role, table, right)
	}
	for _, c := range []struct {
		role, table, right string
		want               bool
	}{
		{postgres.WriterRole, "timestamp_v1.timestamp_records", "INSERT", true},
		{postgres.WriterRole, "timestamp_v1.timestamp_records", "TRUNCATE", false},
		{postgres.WriterRole, "counterfoil.parked", "INSERT", true},
		{postgres.WriterRole, "counterfoil.checkpoints", "DELETE", false},
		{postgres.WriterRole, "counterfoil.serving", "UPDATE", false},
		{postgres.ReaderRole, "timestamp_v1.timestamp_records", "SELECT", true},
		{postgres.ReaderRole, "timestamp_v1.timestamp_records", "INSERT", false},
		{postgres.ReaderRole, "counterfoil.parked", "SELECT", true},
		{postgres.ReaderRole, "counterfoil.checkpoints", "UPDATE", false},
	} {
		if got := may(c.role, c.table, c.right); got != c.want {
			t.Errorf("%s may %s on %s: %v, want %v", c.role, c.right, c.table, got, c.want)
		}
	}
}
