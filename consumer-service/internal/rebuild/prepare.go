// Package rebuild holds the life cycle of a read model's versions: it makes them exist, from an empty or missing
// database on, so that delivery can fill them. It never drops or empties anything.
package rebuild

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Prepare makes the database, its control tables and the version of the declaration exist, as the owner, and records
// that group applies records to the version. It changes nothing where all of it is there.
func Prepare(ctx context.Context, owner postgres.Config, d *readmodel.Declaration, group string, log *slog.Logger) error {
	conn, err := connect(ctx, owner, log)
	if err != nil {
		return postgres.Classify(fmt.Errorf("connect as owner: %w", err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := postgres.Migrate(ctx, conn, log); err != nil {
		return postgres.Classify(err)
	}
	if err := readmodel.Ensure(ctx, conn, d, log); err != nil {
		return postgres.Classify(err)
	}
	return postgres.Classify(readmodel.SetGroup(ctx, conn, d, group))
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
