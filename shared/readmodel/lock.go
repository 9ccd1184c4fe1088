package readmodel

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// The classes of our advisory locks; the second key is the hash of a name.
const (
	modelLocks   = 0x636f756e // one for each model: whoever holds it may change its versions
	builderLocks = 0x636f756f // one for each version: held by the process that alone applies records to it
)

// How long a lock is held.
const (
	untilCommit = "pg_try_advisory_xact_lock"
	untilClosed = "pg_try_advisory_lock" // until the connection is, or unlock
)

// lockModel takes the lock of a model, or returns ErrRunning with who holds it.
func lockModel(ctx context.Context, db Database, model, held string) error {
	return lock(ctx, db, modelLocks, model, held)
}

// unlockModel gives the lock of a model back at once; closing the connection does so too, a little later.
func unlockModel(ctx context.Context, db Database, model string) {
	_, _ = db.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1, hashtext($2))`, modelLocks, model)
}

// LockBuilder makes the connection's process the one that applies records to the version, for as long as the connection
// lasts. Two processes cannot be; the second gets ErrRunning.
func LockBuilder(ctx context.Context, conn *pgx.Conn, model string, number int) error {
	return lock(ctx, conn, builderLocks, Label(model, number), untilClosed)
}

func lock(ctx context.Context, db Database, class int32, name, held string) error {
	rows, err := db.Query(ctx, `SELECT `+held+`($1, hashtext($2))`, class, name)
	if err != nil {
		return err
	}
	taken, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[bool])
	if err != nil || taken {
		return err
	}
	holders, err := lockHolders(ctx, db, class, name)
	if err != nil {
		return err
	}
	who := "somebody"
	if len(holders) > 0 { // it may have ended meanwhile
		h := holders[0]
		who = fmt.Sprintf("%s (PostgreSQL process %d, since %s)", strings.TrimSpace(h.Application), h.PID, h.Since.UTC().Format(time.RFC3339))
	}
	return fmt.Errorf("%w: %s is at work on %s; try again when it has ended", ErrRunning, who, name)
}

// lockHolder is who holds a lock.
type lockHolder struct {
	Application string
	PID         int32
	Since       time.Time
}

func lockHolders(ctx context.Context, db Database, class int32, name string) ([]lockHolder, error) {
	rows, err := db.Query(ctx, `
		SELECT coalesce(a.application_name, ''), l.pid, coalesce(a.backend_start, now()) FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = $1::bigint::oid
			AND l.objid = (hashtext($2)::bigint & 4294967295)::oid
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`, class, name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[lockHolder])
}

// BuilderGone reports whether the process that alone applies records to the version is no longer there.
func BuilderGone(ctx context.Context, db Database, v Version) (bool, error) {
	if v.Builder == "" {
		return false, nil
	}
	holders, err := lockHolders(ctx, db, builderLocks, v.Label())
	return len(holders) == 0, err
}
