package rig

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Build has a further version of the timestamp model built, of the same shape, and returns its number. The one that was
// built before is kept current no longer.
func (r *Rig) Build() int {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), r.DB.OwnerURL)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(r.t.Context())) }()
	declarations, err := readmodel.Load("", map[string]string{"KAFKA_CONSUMER_TOPIC": r.Topic})
	if err != nil {
		r.t.Fatal(err)
	}
	var number int
	err = conn.QueryRow(r.t.Context(), `SELECT max(version) + 1 FROM counterfoil.read_models`).Scan(&number)
	if err == nil {
		_, err = conn.Exec(r.t.Context(), `UPDATE counterfoil.read_models SET state = 'retired' WHERE state IN ('building', 'ready')`)
	}
	if err == nil {
		err = readmodel.Ensure(r.t.Context(), conn, declarations[0].Numbered(number), slog.New(slog.DiscardHandler))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return number
}

// AwaitBuilt waits until the version is ready: with its indexes, with all rows that the serving version had when it became
// so, and with nobody held.
func (r *Rig) AwaitBuilt(number int) {
	r.t.Helper()
	r.await(func(ctx context.Context) error {
		var state string
		var indexes, held int
		err := r.pool.QueryRow(ctx, `
			SELECT state, (SELECT count(*) FROM pg_indexes WHERE schemaname = m.schema_name),
				(SELECT count(*) FROM counterfoil.checkpoints WHERE hold_at IS NOT NULL AND hold_until > now())
			FROM counterfoil.read_models m WHERE version = $1`, number).Scan(&state, &indexes, &held)
		if err == nil && (state != "ready" || indexes != 2 || held != 0) {
			err = fmt.Errorf("version %d is %s with %d indexes, %d checkpoints are held", number, state, indexes, held)
		}
		return err
	})
	r.await(func(ctx context.Context) error { return r.sameRows(ctx, number) })
}

// sameRows returns an error unless the version holds every row of the serving one that was written a moment ago.
func (r *Rig) sameRows(ctx context.Context, number int) error {
	var missing, differing int
	err := r.pool.QueryRow(ctx, fmt.Sprintf(`
		SELECT count(*) FILTER (WHERE n.id IS NULL), count(*) FILTER (WHERE n.id IS NOT NULL AND n IS DISTINCT FROM s)
		FROM timestamp_v1.timestamp_records s LEFT JOIN timestamp_v%d.timestamp_records n USING (id)
		WHERE s.created_at < now() - interval '5 seconds'`, number)).Scan(&missing, &differing)
	if err == nil && missing+differing > 0 {
		err = fmt.Errorf("version %d lacks %d rows and holds %d others", number, missing, differing)
	}
	return err
}
