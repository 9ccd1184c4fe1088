package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Versions makes as many versions of the timestamps' read model in an empty database as are to be kept current beside each
// other, built and ready, from a topic that is empty. They differ in the name of one column.
func (r *Rig) Versions(ctx context.Context, db *Database, topic string, n int) (err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p, _, err := r.Consumer(ctx, "", db, topic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Forget(p)) }()
	var conn *pgx.Conn
	err = r.await(ctx, p, func(ctx context.Context) error {
		return ready(ctx, db, 1)
	})
	if err != nil {
		return err
	}
	if conn, err = pgx.Connect(ctx, db.OwnerURL); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	mandate := readmodel.Mandate{By: "bench", Reason: "several versions at once"}
	for number := 2; number <= n; number++ {
		declaration, err := r.declaration(topic, fmt.Sprintf("created_at_%d", number))
		if err != nil {
			return err
		}
		plan, err := readmodel.Migrate(ctx, conn, declaration, mandate)
		if err != nil {
			return err
		}
		if _, err := readmodel.StartBuild(ctx, conn, plan.Declaration.Name, plan.Declaration.Version, readmodel.Build{}, mandate); err != nil {
			return err
		}
		if err := r.await(ctx, p, func(ctx context.Context) error { return ready(ctx, db, number) }); err != nil {
			return err
		}
	}
	return nil
}

// ready returns an error unless the database has that many versions, and all of them are ready or serve.
func ready(ctx context.Context, db *Database, n int) error {
	there, err := db.Number(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'counterfoil' AND tablename = 'read_models'`)
	if err != nil || there == 0 {
		return errors.Join(err, errNotPrepared)
	}
	versions, err := readmodel.Versions(ctx, db.Super)
	if err != nil {
		return err
	}
	building := slices.ContainsFunc(versions, func(v readmodel.Version) bool {
		return v.State != readmodel.Ready && v.State != readmodel.Serving
	})
	if len(versions) < n || building {
		return fmt.Errorf("not all versions are ready: %+v", versions)
	}
	return nil
}

// declaration returns that of the timestamps with another name for the column created_at.
func (r *Rig) declaration(topic, createdAt string) (*readmodel.Declaration, error) {
	text, err := os.ReadFile(filepath.Join(r.root, "readmodels", "timestamp.yaml"))
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.dir, r.Name("declared-"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	renamed := strings.Replace(string(text), "name: created_at\n", "name: "+createdAt+"\n", 1)
	if err := os.WriteFile(filepath.Join(dir, "timestamp.yaml"), []byte(renamed), 0o644); err != nil {
		return nil, err
	}
	all, err := readmodel.Load(dir, map[string]string{"KAFKA_CONSUMER_TOPIC": topic})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}
