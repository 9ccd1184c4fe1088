package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const (
	buildLook  = 200 * time.Millisecond // between two looks at how far a build is
	buildRetry = 5 * time.Second        // after a failure
	indexHold  = 10 * time.Minute       // longest time that the version stands still for its indexes without saying so
)

// Builder makes a version that is being built ready: once it has reached its targets it gets its indexes, and once it has
// then reached where the serving version was at one commit it is ready (G8). Whoever is killed at any step leaves it to be
// done again by the next; an advisory lock has only one of several processes do it.
type Builder struct {
	Owner       postgres.Config
	Declaration *readmodel.Declaration
	By          string // who makes it ready, for the history
	Log         *slog.Logger

	building atomic.Bool
}

// Changed tells the builder of the version's state.
func (b *Builder) Changed(v readmodel.Version) { b.building.Store(v.State == readmodel.Building) }

// errOver is why a build is not gone on with here: the version is in another state by now, or another process does it.
var errOver = errors.New("the version is not to be made ready here")

// Run makes the version ready whenever it is being built, until ctx ends.
func (b *Builder) Run(ctx context.Context) {
	for {
		wait := buildLook
		if b.building.Load() {
			err := b.runOnce(ctx)
			if err != nil {
				wait = buildRetry
			}
			if err != nil && ctx.Err() == nil && !errors.Is(err, errOver) {
				b.Log.WarnContext(ctx, "cannot make the version ready, trying again", "read_model", b.Declaration.Name,
					"version", b.Declaration.Version, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// runOnce makes the version ready, unless another process is about to.
func (b *Builder) runOnce(ctx context.Context) error {
	conn, err := postgres.ConnectOne(ctx, b.Owner, "counterfoil-consumer-build")
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var mine bool
	err = conn.QueryRow(ctx, `
		SELECT pg_try_advisory_lock(hashtextextended('counterfoil build ' || $1, 0)) AND EXISTS (
			SELECT FROM counterfoil.read_models WHERE name = $2 AND version = $3 AND state = 'building')`,
		b.Declaration.Label(), b.Declaration.Name, b.Declaration.Version).Scan(&mine)
	if err != nil {
		return fmt.Errorf("take the build's lock: %w", err)
	}
	if !mine {
		return errOver
	}
	for _, step := range []func(context.Context, *pgx.Conn) error{b.fill, b.follow, b.index, b.follow, b.ready} {
		if err := step(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

// fill waits for the targets that the build began with; where there are none, those of the serving version come next.
func (b *Builder) fill(ctx context.Context, conn *pgx.Conn) error {
	var targets bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM counterfoil.build_targets WHERE name = $1 AND version = $2)`,
		b.Declaration.Name, b.Declaration.Version).Scan(&targets)
	if err != nil || !targets {
		return err
	}
	return b.reach(ctx, conn)
}

// follow waits until the version is where the serving one is at this moment. That moment passes: waiting for both to be at
// the same place at once could last for ever where records never stop.
func (b *Builder) follow(ctx context.Context, conn *pgx.Conn) error {
	err := b.until(ctx, func() (bool, error) {
		return readmodel.AimAtServing(ctx, conn, b.Declaration.Name, b.Declaration.Version)
	})
	if err != nil {
		return fmt.Errorf("aim at the serving version: %w", err)
	}
	return b.reach(ctx, conn)
}

// reach waits until the version has reached its targets.
func (b *Builder) reach(ctx context.Context, conn *pgx.Conn) error {
	err := b.until(ctx, func() (bool, error) {
		return readmodel.Reached(ctx, conn, b.Declaration.Name, b.Declaration.Version)
	})
	if err != nil {
		return fmt.Errorf("wait for the version's targets: %w", err)
	}
	return nil
}

// until asks again and again until it is so.
func (b *Builder) until(ctx context.Context, so func() (bool, error)) error {
	for {
		if is, err := so(); err != nil || is {
			return err
		}
		if !b.building.Load() {
			return errOver
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(buildLook):
		}
	}
}

// index creates the declared indexes. An index is built while no row is written, so the version's partitions are held
// meanwhile; a hold that outlives a crash ends by itself.
func (b *Builder) index(ctx context.Context, conn *pgx.Conn) error {
	crash.Here("build: filled")
	began := time.Now()
	if err := b.hold(ctx, conn, indexHold); err != nil {
		return err
	}
	defer func() { _ = b.hold(context.WithoutCancel(ctx), conn, 0) }()
	sql := b.Declaration.IndexDDL() + "ANALYZE " + postgres.Identifier(b.Declaration.Schema(), b.Declaration.Storage())
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		return fmt.Errorf("lift the limit of statements: %w", err)
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("create the indexes: %w", err)
	}
	crash.Here("build: indexed")
	if err := readmodel.MarkIndexed(ctx, conn, b.Declaration.Name, b.Declaration.Version); err != nil {
		return fmt.Errorf("record that there are indexes: %w", err)
	}
	b.Log.InfoContext(ctx, "created the indexes of a version", "read_model", b.Declaration.Name, "version", b.Declaration.Version,
		"seconds", time.Since(began).Seconds())
	return nil
}

// hold keeps the version's checkpoints where they are for that long; 0 lets them go on.
func (b *Builder) hold(ctx context.Context, conn *pgx.Conn, limit time.Duration) error {
	_, err := conn.Exec(ctx, `
		UPDATE counterfoil.checkpoints c SET
			hold_at = CASE WHEN $3::float8 > 0 THEN c.next_offset END,
			hold_until = CASE WHEN $3::float8 > 0 THEN now() + make_interval(secs => $3) END
		FROM counterfoil.read_models m WHERE m.name = $1 AND m.version = $2 AND c.group_id = m.group_id`,
		b.Declaration.Name, b.Declaration.Version, limit.Seconds())
	if err != nil {
		return fmt.Errorf("hold the version: %w", err)
	}
	return nil
}

// ready makes the version ready.
func (b *Builder) ready(ctx context.Context, conn *pgx.Conn) error {
	crash.Here("build: caught up")
	ready, err := readmodel.MarkReady(ctx, conn, b.Declaration.Name, b.Declaration.Version, b.By)
	if err != nil {
		return fmt.Errorf("make the version ready: %w", err)
	}
	crash.Here("build: ready")
	if ready {
		b.building.Store(false)
		b.Log.InfoContext(ctx, "a version is ready", "read_model", b.Declaration.Name, "version", b.Declaration.Version)
	}
	return nil
}
