// Package rebuild keeps the versions of read models that the control tables say are to be kept current: it makes them exist,
// from an empty or missing database on, runs each apart from the others as they come and go, and makes one that was built
// ready. It never drops or empties anything.
package rebuild

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Preparer makes what delivery writes to exist, as the owner of the database.
type Preparer struct {
	Owner postgres.Config
	Log   *slog.Logger
}

// Models makes the database and its control tables exist, and gives models that have no version their first one.
func (p Preparer) Models(ctx context.Context, files Files) error {
	return p.withOwner(ctx, func(conn *pgx.Conn) error {
		crash.Here("rebuild: migrated")
		err := readmodel.Bootstrap(ctx, conn, files, p.Log)
		crash.Here("rebuild: version created")
		return err
	})
}

// Version makes what records of a version are written to exist, and records that group applies them. It creates no version.
func (p Preparer) Version(ctx context.Context, d *readmodel.Declaration, group string) error {
	return p.withOwner(ctx, func(conn *pgx.Conn) error {
		if err := readmodel.Restore(ctx, conn, d, p.Log); err != nil {
			return err
		}
		crash.Here("rebuild: version restored")
		return readmodel.SetGroup(ctx, conn, d, group)
	})
}

func (p Preparer) withOwner(ctx context.Context, do func(*pgx.Conn) error) error {
	conn, err := connect(ctx, p.Owner, p.Log)
	if err != nil {
		return postgres.Classify(fmt.Errorf("connect as owner: %w", err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := postgres.Migrate(ctx, conn, p.Log); err != nil {
		return postgres.Classify(err)
	}
	return postgres.Classify(do(conn))
}

// connect creates the database where it is missing: a dropped database comes back without any change of settings.
func connect(ctx context.Context, owner postgres.Config, log *slog.Logger) (*pgx.Conn, error) {
	const name = "counterfoil-consumer-owner"
	conn, err := postgres.ConnectOne(ctx, owner, name)
	if !postgres.IsNoDatabase(err) {
		return conn, err
	}
	if err := postgres.EnsureDatabase(ctx, owner); err != nil {
		return nil, err
	}
	log.WarnContext(ctx, "the database did not exist and was created; every record is applied again", owner.Address())
	return postgres.ConnectOne(ctx, owner, name)
}
