package readmodel_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newVersion returns a database in which the built-in read model exists.
func newVersion(t *testing.T) (*pgx.Conn, *readmodel.Declaration) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pgtest.Database(t).OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	log := slog.New(slog.DiscardHandler)
	if err := postgres.Migrate(t.Context(), conn, log); err != nil {
		t.Fatal(err)
	}
	declarations, err := readmodel.Load("", map[string]string{"KAFKA_CONSUMER_TOPIC": "topic.of.a.test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := readmodel.Ensure(t.Context(), conn, declarations[0], log); err != nil {
		t.Fatal(err)
	}
	return conn, declarations[0]
}

func TestDeclaredVersions_TellWhatEachWasCreatedWith(t *testing.T) {
	t.Parallel()
	conn, d := newVersion(t)
	versions, err := readmodel.DeclaredVersions(t.Context(), conn)
	if err != nil || len(versions) != 1 {
		t.Fatalf("%d versions, error %v", len(versions), err)
	}
	got := versions[0]
	if got.Declaration.Fingerprint() != d.Fingerprint() || got.Fingerprint != d.Fingerprint() || got.Declaration.Sources[0].Topic != "topic.of.a.test" {
		t.Errorf("the declaration is %+v", got.Declaration)
	}
	if !got.TableExists || !got.Serving() {
		t.Errorf("table exists %v, serving %v", got.TableExists, got.Serving())
	}
	if _, err := conn.Exec(t.Context(), `DROP TABLE `+postgres.Identifier(d.Schema(), d.Table)); err != nil {
		t.Fatal(err)
	}
	if versions, err = readmodel.DeclaredVersions(t.Context(), conn); err != nil || versions[0].TableExists {
		t.Errorf("after its table was dropped: %+v, error %v", versions, err)
	}
}

func TestParkedRecords_AreCountedByVersionStateAndCode(t *testing.T) {
	t.Parallel()
	conn, _ := newVersion(t)
	_, err := conn.Exec(t.Context(), `
		INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset", state, code, reason, correlation_id, headers)
		SELECT 'timestamp', 1, 't', 0, n, state, code, 'why', '', '[]'
		FROM unnest(ARRAY['parked', 'parked', 'parked', 'waiting', 'discarded'],
			ARRAY['undecodable', 'undecodable', 'missing-field', 'behind-parked', 'undecodable']) WITH ORDINALITY AS r (state, code, n)`)
	if err != nil {
		t.Fatal(err)
	}
	parked, err := readmodel.ParkedRecords(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	var counts []string
	for _, p := range parked {
		counts = append(counts, fmt.Sprintf("%s/v%d %s %s %d", p.ReadModel, p.Version, p.State, p.Code, p.Records))
	}
	want := []string{"timestamp/v1 parked missing-field 1", "timestamp/v1 parked undecodable 2", "timestamp/v1 waiting behind-parked 1"}
	if !slices.Equal(counts, want) {
		t.Errorf("got %q, want %q", counts, want)
	}
}
