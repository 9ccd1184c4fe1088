package readmodel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Verifying says how a version is to be compared.
type Verifying struct {
	Expected []Expectation // instead of those of the stored declaration; nil leaves them
	Examples int           // how many rows that differ are shown at most
	Limit    time.Duration // how long to wait until both versions are at the same positions
	Say      func(string)  // told what goes on
}

// Verify compares a version that is ready with the serving one, row by row at the same positions of their topics, and
// records the result (G8). Neither stops: the version that is compared is held back for the moment in which the serving one
// is ahead of it, and then two snapshots are compared in which both have applied the very same records. What holds it back
// expires by itself, so a comparison that is killed leaves nothing behind.
//
// The role of cfg must own the control tables. Another operator's work on the model is ErrRunning.
func Verify(ctx context.Context, cfg postgres.Config, model string, number int, how Verifying, m Mandate) (Report, error) {
	open := func(ctx context.Context, what string) (*pgx.Conn, error) {
		return postgres.ConnectOne(ctx, cfg, fmt.Sprintf("counterfoil %s %s by %s", what, Label(model, number), m.By))
	}
	conn, err := open(ctx, "verify")
	if err != nil {
		return Report{}, err
	}
	defer closeConn(ctx, conn)
	if err := lockModel(ctx, conn, model, untilClosed); err != nil {
		return Report{}, err
	}
	defer unlockModel(ctx, conn, model)
	v, err := beginVerify(ctx, conn, model, number, how)
	if err != nil {
		return Report{}, err
	}
	v.open = open
	for _, side := range []*side{&v.serving, &v.other} {
		if side.conn, err = open(ctx, "compare"); err != nil {
			return Report{}, err
		}
		defer closeConn(ctx, side.conn)
	}
	at, err := v.meet(ctx)
	if err != nil {
		return Report{}, err
	}
	report, err := v.compare(ctx, at)
	if err != nil {
		return Report{}, err
	}
	return report, v.keep(ctx, report, m)
}

func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// verification is one comparison under way.
type verification struct {
	Verifying
	open           func(ctx context.Context, what string) (*pgx.Conn, error)
	conn           *pgx.Conn // holds the lock of the model, and moves the holds
	serving, other side
	began          time.Time
}

// side is one of the two versions, with the connection that reads it.
type side struct {
	Version
	Declaration *Declaration
	conn        *pgx.Conn
	tx          pgx.Tx // the snapshot
}

func beginVerify(ctx context.Context, conn *pgx.Conn, model string, number int, how Verifying) (*verification, error) {
	v := &verification{Verifying: how, conn: conn, began: time.Now()}
	if v.Say == nil {
		v.Say = func(string) {}
	}
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		other, err := lockVersion(ctx, tx, model, number)
		if err != nil {
			return err
		}
		if other.Serving() {
			return fmt.Errorf("%w: %s serves; there is nothing to compare it with", ErrRefused, other.Label())
		}
		if other.State != Ready {
			return fmt.Errorf("%w: %s is %s, not ready; %s", ErrRefused, other.Label(), other.State, toReady(other))
		}
		serving, err := servingVersion(ctx, tx, model)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: no version of %s serves, so there is nothing to compare with", ErrRefused, model)
		}
		if err != nil {
			return err
		}
		v.serving.Version, v.other.Version = serving, other
		if v.serving.Declaration, err = StoredDeclaration(ctx, tx, serving); err != nil {
			return err
		}
		v.other.Declaration, err = StoredDeclaration(ctx, tx, other)
		return err
	})
	if v.Expected == nil && v.other.Declaration != nil {
		v.Expected = v.other.Declaration.ExpectedDifferences
	}
	return v, err
}

// errMissed says that a version went past the positions at which both were to meet, because the process that held it back
// stood still for longer than the hold lasts.
var errMissed = errors.New("the positions were passed")

// meet opens a snapshot of each version at the same positions, which it returns.
func (v *verification) meet(ctx context.Context) ([]Target, error) {
	deadline := v.began.Add(v.Limit)
	for {
		at, err := v.meetOnce(ctx, deadline)
		if err == nil || !errors.Is(err, errMissed) {
			return at, err
		}
		v.Say("beginning again, because " + err.Error())
	}
}

func (v *verification) meetOnce(ctx context.Context, deadline time.Time) (at []Target, err error) {
	h := hold{conn: v.conn, group: v.other.Group, deadline: deadline, again: v.open}
	defer func() { err = errors.Join(err, h.release(ctx)) }()
	topics, err := v.sharedTopics(ctx)
	if err != nil {
		return nil, err
	}
	held, err := h.here(ctx, topics)
	if err != nil {
		return nil, err
	}
	v.Say(fmt.Sprintf("waiting until %s has passed %s", v.serving.Label(), v.other.Label()))
	err = h.until(ctx, func() (bool, error) {
		at, err := positions(ctx, v.conn, v.serving.Group, topics)
		return passed(at, held), err
	})
	if err != nil {
		return nil, err
	}
	if err := v.serving.look(ctx); err != nil {
		return nil, err
	}
	if at, err = positions(ctx, v.serving.tx, v.serving.Group, topics); err != nil {
		return nil, err
	}
	if err := h.at(ctx, at); err != nil {
		return nil, err
	}
	v.Say(fmt.Sprintf("waiting until %s is where %s was", v.other.Label(), v.serving.Label()))
	err = h.until(ctx, func() (bool, error) {
		reached, err := positions(ctx, v.conn, v.other.Group, topics)
		if err == nil && !passed(at, reached) {
			err = errMissed
		}
		return slices.Equal(reached, at), err
	})
	if err != nil {
		return nil, err
	}
	if err := v.other.look(ctx); err != nil {
		return nil, err
	}
	reached, err := positions(ctx, v.other.tx, v.other.Group, topics)
	if err == nil && !slices.Equal(reached, at) {
		err = errMissed
	}
	return at, err
}

// sharedTopics are those that both versions apply records of.
func (v *verification) sharedTopics(ctx context.Context) ([]string, error) {
	rows, err := v.conn.Query(ctx, `
		SELECT topic FROM counterfoil.checkpoints WHERE group_id = $1
		INTERSECT SELECT topic FROM counterfoil.checkpoints WHERE group_id = $2 ORDER BY topic`, v.serving.Group, v.other.Group)
	if err != nil {
		return nil, err
	}
	topics, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(topics) == 0 {
		err = fmt.Errorf("%w: %s and %s have applied records of no topic in common, so they cannot be compared at the same positions", ErrRefused, v.serving.Label(), v.other.Label())
	}
	return topics, err
}

// look begins a snapshot in place of an earlier one. It is open for as long as the comparison takes, and reads only.
func (s *side) look(ctx context.Context) error {
	if s.tx != nil {
		if err := s.tx.Rollback(ctx); err != nil {
			return err
		}
	}
	var err error
	if s.tx, err = s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return err
	}
	_, err = s.tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`)
	return err
}

// keep records the result, as long as the lock of the model is still ours.
func (v *verification) keep(ctx context.Context, r Report, m Mandate) error {
	return pgx.BeginFunc(ctx, v.conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO counterfoil.verifications (name, version, against, equal, report, verified_by) VALUES ($1, $2, $3, $4, $5, $6)`,
			r.ReadModel, r.Version, r.Against, r.Equal, r, m.By)
		if err != nil {
			return err
		}
		event := EventVerified
		if !r.Equal {
			event = EventDiffers
		}
		return record(ctx, tx, v.other.Version, event, m, r.summary())
	})
}
