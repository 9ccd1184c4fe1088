package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Why a change of a version is not made. Each is the beginning of an error whose text says what to do.
var (
	ErrRefused = errors.New("refused")         // the version's state does not allow it
	ErrRunning = errors.New("already running") // somebody else is at work on the model
	ErrNotYet  = errors.New("not yet")         // it is allowed, but not every version is where it must be
	ErrAbsent  = errors.New("not there")       // there is no such model or version
)

// Mandate says who changes a version, and why.
type Mandate struct {
	By     string
	Reason string // may be empty
}

// lockLimit is how long a change waits for a lock that a consumer or a reader holds before it lets go of its own and
// tries again, so that nobody queues up behind it.
const lockLimit = 500 * time.Millisecond

// patience is how long a change is tried again.
const patience = 30 * time.Second

// change makes one step in the life of a model's versions: one transaction under the lock of the model, tried again while
// it meets locks of others. Whoever is second gets ErrRunning at once.
func change(ctx context.Context, conn *pgx.Conn, model string, do func(pgx.Tx) error) error {
	once := func() (struct{}, error) {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL lock_timeout = %d`, lockLimit.Milliseconds())); err != nil {
				return err
			}
			if err := lockModel(ctx, tx, model, untilCommit); err != nil {
				return err
			}
			return do(tx)
		})
		if err != nil && !postgres.IsLocked(err) && !errors.Is(err, errAgain) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	_, err := backoff.Retry(ctx, once, backoff.WithMaxElapsedTime(patience), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 20 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: time.Second,
	}))
	return err
}

// errAgain is returned by a step that found what will be otherwise in a moment.
var errAgain = errors.New("it was tried several times")

// versionColumns are what scanVersion scans, in its order.
const versionColumns = `name, version, schema_name, table_name, group_id, state, previous, indexed, allow_parked, builder, changed_at,
	fingerprint`

// lockVersion returns a version and keeps others from changing it until the transaction ends.
func lockVersion(ctx context.Context, tx pgx.Tx, model string, number int) (Version, error) {
	v, err := oneVersion(ctx, tx, `name = $1 AND version = $2 FOR UPDATE`, model, number)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, fmt.Errorf("%w: %s; `counterfoil readmodel status` shows the versions that there are", ErrAbsent, Label(model, number))
	}
	return v, err
}

// servingVersion returns the version of the model that serves, locked as by lockVersion, or pgx.ErrNoRows.
func servingVersion(ctx context.Context, tx pgx.Tx, model string) (Version, error) {
	return oneVersion(ctx, tx, `name = $1 AND state = 'serving' FOR UPDATE`, model)
}

func oneVersion(ctx context.Context, db Database, where string, args ...any) (Version, error) {
	rows, err := db.Query(ctx, `SELECT `+versionColumns+` FROM counterfoil.read_models WHERE `+where, args...)
	if err != nil {
		return Version{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Version])
}

// enter takes a version into a state and writes it into the history.
func enter(ctx context.Context, tx pgx.Tx, v Version, state State, event string, m Mandate, details any) error {
	_, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET state = $3, changed_at = now() WHERE name = $1 AND version = $2`,
		v.Name, v.Number, state)
	if err != nil {
		return err
	}
	return record(ctx, tx, v, event, m, details)
}

// record writes what happened to a version into the history. details is what JSON can say, or nil.
func record(ctx context.Context, db Database, v Version, event string, m Mandate, details any) error {
	return note(ctx, db, Event{Name: v.Name, Version: v.Number, Event: event, By: m.By, Reason: m.Reason, Details: details})
}
