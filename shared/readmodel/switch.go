package readmodel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Switched says what a switch did.
type Switched struct {
	From int // the version that served before; 0 where none did
	To   int
}

// Switch makes a version serve that is ready, as current as the serving one at this commit, and was verified equal with it
// since it was last built (G8). An override says why the verification does not matter; it is written into the history.
// Nobody can override that the version is current, because readers would go back in time. The version that served before
// stays current, so that Rollback is the same step towards it.
func Switch(ctx context.Context, conn *pgx.Conn, model string, to int, override string, m Mandate) (Switched, error) {
	return swap(ctx, conn, model, m, func(tx pgx.Tx, serving int) (Version, any, error) {
		v, err := lockVersion(ctx, tx, model, to)
		if err != nil || v.Serving() {
			return v, nil, err
		}
		if v.Previous {
			if unproven, err := overridden(ctx, tx, v); err != nil || !unproven {
				return v, nil, err
			}
		}
		if v.State != Ready {
			return v, nil, fmt.Errorf("%w: %s is %s, not ready; %s", ErrRefused, v.Label(), v.State, toReady(v))
		}
		if override != "" {
			return v, map[string]string{"override": override}, nil
		}
		return v, nil, proven(ctx, tx, v, serving)
	})
}

// overridden reports whether the version last came to serve by an override, and so without proof.
func overridden(ctx context.Context, tx pgx.Tx, v Version) (bool, error) {
	return holds(ctx, tx, `
		SELECT coalesce((SELECT details ? 'override' FROM counterfoil.read_model_history
			WHERE name = $1 AND version = $2 AND event = $3 ORDER BY id DESC LIMIT 1), false)`, v.Name, v.Number, string(Serving))
}

// Rollback makes the version serve that served before. It stayed current since. Where to names the version it does nothing
// once that one serves, so that it can be repeated; with 0 a second rollback goes forward again.
func Rollback(ctx context.Context, conn *pgx.Conn, model string, to int, m Mandate) (Switched, error) {
	return swap(ctx, conn, model, m, func(tx pgx.Tx, serving int) (Version, any, error) {
		if to != 0 && to == serving {
			v, err := lockVersion(ctx, tx, model, to)
			return v, nil, err
		}
		v, err := oneVersion(ctx, tx, `name = $1 AND previous FOR UPDATE`, model)
		if err == nil && to != 0 && v.Number != to {
			return v, nil, fmt.Errorf("%w: %s served before, not v%d; switch to that one: counterfoil readmodel switch %s --to %d", ErrRefused, v.Label(), to, model, to)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return v, nil, fmt.Errorf("%w: no version of %s served before, or it was retired; switch to another: counterfoil readmodel switch %s --to N", ErrRefused, model, model)
		}
		return v, map[string]bool{"rollback": true}, err
	})
}

// toReady says what makes a version ready.
func toReady(v Version) string {
	switch v.State {
	case Building:
		return fmt.Sprintf("wait for it: counterfoil readmodel build %s %d", v.Name, v.Number)
	case Dropped:
		return "`counterfoil readmodel plan` says what comes next"
	}
	return fmt.Sprintf("build it: counterfoil readmodel build %s %d", v.Name, v.Number)
}

// proven reports whether the version was verified equal with the serving one since it was last built.
func proven(ctx context.Context, tx pgx.Tx, v Version, serving int) error {
	cure := fmt.Sprintf("counterfoil readmodel verify %s %d", v.Name, v.Number)
	verified, err := LastVerification(ctx, tx, v.Name, v.Number)
	if err != nil {
		return err
	}
	switch {
	case verified == nil:
		return fmt.Errorf("%w: %s was not verified since it was last built, or since a new group replays it or the serving one; do so first: %s", ErrRefused, v.Label(), cure)
	case verified.Against != serving:
		return fmt.Errorf("%w: %s was compared with v%d, and v%d serves now; compare again: %s", ErrRefused, v.Label(), verified.Against, serving, cure)
	case !verified.Equal:
		return fmt.Errorf("%w: %s differs from the serving version (`counterfoil readmodel history %s` has what was found); mend it, or declare what is meant under expected_differences, then %s",
			ErrRefused, v.Label(), v.Name, cure)
	}
	return nil
}

// stillProven reports whether everything that the serving version applied since the verification applied to the version
// too. A record that it alone had to park is a row that readers would miss, and no verification has looked at it (G8). It is
// asked when both stand still. Where parking more was allowed, or rows are expected to be missing, it says nothing.
func stillProven(ctx context.Context, tx pgx.Tx, v, serving Version) error {
	if v.AllowParked {
		return nil
	}
	declared, err := StoredDeclaration(ctx, tx, v)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(declared.ExpectedDifferences, func(e Expectation) bool { return e.Rows == "missing" }) {
		return nil
	}
	rows, err := tx.Query(ctx, `
		SELECT p.topic || '/' || p.partition || '@' || p."offset" FROM counterfoil.parked p
		WHERE p.read_model = $1 AND p.version = $2 AND p.state <> 'discarded'
			AND EXISTS (SELECT FROM counterfoil.checkpoints c
				WHERE c.group_id = $3 AND c.topic = p.topic AND c.partition = p.partition AND p."offset" < c.next_offset)
			AND NOT EXISTS (SELECT FROM counterfoil.parked s
				WHERE s.read_model = $1 AND s.version = $4 AND s.topic = p.topic AND s.partition = p.partition AND s."offset" = p."offset")
			AND NOT EXISTS (SELECT FROM jsonb_to_recordset((
					SELECT report->'positions' FROM counterfoil.verifications
					WHERE name = $1 AND version = $2 ORDER BY id DESC LIMIT 1)) AS at (topic text, partition integer, next_offset bigint)
				WHERE at.topic = p.topic AND at.partition = p.partition AND p."offset" < at.next_offset)
		ORDER BY p.topic, p.partition, p."offset" LIMIT 3`, v.Name, v.Number, serving.Group, serving.Number)
	if err != nil {
		return err
	}
	parked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(parked) == 0 {
		return err
	}
	return fmt.Errorf("%w: since it was verified, %s parked what %s applied: %s; decide about those records (counterfoil parked list), then compare again: counterfoil readmodel verify %s %d",
		ErrRefused, v.Label(), serving.Label(), strings.Join(parked, ", "), v.Name, v.Number)
}

// Verification is the result of the last comparison of a version since it was last built.
type Verification struct {
	Against int       `json:"against"` // the version that served then
	Equal   bool      `json:"equal"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// LastVerification returns the last comparison of the version since it was last built and since the groups of both versions
// began, or nil where there is none.
func LastVerification(ctx context.Context, db Database, model string, number int) (*Verification, error) {
	rows, err := db.Query(ctx, `
		SELECT against, equal, verified_by, verified_at FROM counterfoil.verifications v
		WHERE name = $1 AND version = $2 AND verified_at > coalesce((
			SELECT max(changed_at) FROM counterfoil.read_model_history h
			WHERE h.name = $1 AND (h.version = $2 AND h.event IN ('building', 'group') OR h.version = v.against AND h.event = 'group')), '-infinity')
		ORDER BY id DESC LIMIT 1`, model, number)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Verification])
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// swap makes the version serve that choose returns, which is given the number of the one that serves. It does nothing where
// they are the same.
func swap(ctx context.Context, conn *pgx.Conn, model string, m Mandate, choose func(tx pgx.Tx, serving int) (Version, any, error)) (done Switched, err error) {
	began := time.Now()
	err = change(ctx, conn, model, func(tx pgx.Tx) error {
		// Ensure holds this one while it names the serving versions; waiting for it comes before anybody waits for us.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, ensureLock); err != nil {
			return err
		}
		serving, err := servingVersion(ctx, tx, model)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		to, details, err := choose(tx, serving.Number)
		if err != nil {
			return err
		}
		done = Switched{From: serving.Number, To: to.Number}
		if to.Serving() {
			return nil
		}
		if !to.Indexed {
			return fmt.Errorf("%w: the indexes of %s do not exist yet; %s", ErrRefused, to.Label(), toReady(to))
		}
		if err := standStill(ctx, tx, serving, to); err != nil {
			if errors.Is(err, ErrNotYet) && time.Since(began) < catchUpLimit {
				err = errors.Join(err, errAgain)
			}
			return err
		}
		if !to.Previous && details == nil { // what was proven, rather than overridden
			if err := stillProven(ctx, tx, to, serving); err != nil {
				return err
			}
		}
		if err := replace(ctx, tx, serving, to, m); err != nil {
			return err
		}
		if err := enter(ctx, tx, to, Serving, string(Serving), m, details); err != nil {
			return err
		}
		return showServing(ctx, tx)
	})
	return done, err
}

// replace makes the serving version the previous one.
func replace(ctx context.Context, tx pgx.Tx, serving, by Version, m Mandate) error {
	_, err := tx.Exec(ctx, `UPDATE counterfoil.read_models SET previous = false WHERE name = $1 AND previous`, by.Name)
	if err != nil || serving.Number == 0 {
		return err
	}
	if err := enter(ctx, tx, serving, Ready, EventReplaced, m, map[string]int{"by": by.Number}); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE counterfoil.read_models SET previous = true WHERE name = $1 AND version = $2`, serving.Name, serving.Number)
	return err
}

// How long the serving version's checkpoints are held at a time while the other one comes up to them, and for how long that
// is tried.
const (
	standStillLimit = time.Second
	standStillLook  = 5 * time.Millisecond
	catchUpLimit    = 4 * time.Second
)

// standStill holds the serving version's checkpoints until the transaction ends, and waits until the other version has
// reached them: at this commit no reader of the serving version has seen what the other one does not have. Consumers of
// the serving version wait meanwhile, readers do not.
func standStill(ctx context.Context, tx pgx.Tx, serving, other Version) error {
	declared, err := StoredDeclaration(ctx, tx, other)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT FROM counterfoil.checkpoints WHERE group_id = $1 ORDER BY topic, partition FOR UPDATE`, serving.Group)
	if err != nil {
		return err
	}
	limit := time.NewTimer(standStillLimit)
	defer limit.Stop()
	look := time.NewTicker(standStillLook)
	defer look.Stop()
	for {
		gaps, err := behind(ctx, tx, serving, other, declared.Topics())
		if err != nil || len(gaps) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limit.C:
			return fmt.Errorf("%w: %s is behind %s: %s; `counterfoil readmodel status` shows how far it is, and whether a consumer-service applies records to it",
				ErrNotYet, other.Label(), serving.Label(), describe(gaps))
		case <-look.C:
		}
	}
}

// Gap is a partition in which a version is behind the serving one.
type Gap struct {
	Topic     string
	Partition int32
	Serving   int64 // the serving version's checkpoint
	Next      int64 // the other's
}

// Behind returns the partitions in which the other version has not reached the serving one's checkpoint, in one statement.
// A topic that the other one does not read any more does not count.
func Behind(ctx context.Context, db Database, serving, other Version) ([]Gap, error) {
	declared, err := StoredDeclaration(ctx, db, other)
	if err != nil {
		return nil, err
	}
	return behind(ctx, db, serving, other, declared.Topics())
}

func behind(ctx context.Context, db Database, serving, other Version, topics []string) ([]Gap, error) {
	rows, err := db.Query(ctx, `
		SELECT s.topic, s.partition, s.next_offset, coalesce(o.next_offset, 0) FROM counterfoil.checkpoints s
		LEFT JOIN counterfoil.checkpoints o ON o.group_id = $2 AND o.topic = s.topic AND o.partition = s.partition
		WHERE s.group_id = $1 AND s.next_offset > coalesce(o.next_offset, 0) AND (s.topic = ANY ($3)
			OR s.topic IN (SELECT topic FROM counterfoil.checkpoints WHERE group_id = $2))
		ORDER BY s.topic, s.partition`, serving.Group, other.Group, topics)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Gap])
}

// describe writes the first gaps for a person.
func describe(gaps []Gap) string {
	var texts []string
	for i, g := range gaps {
		if i == 3 {
			texts = append(texts, fmt.Sprintf("and %d more", len(gaps)-3))
			break
		}
		texts = append(texts, fmt.Sprintf("%s/%d is at %d of %d", g.Topic, g.Partition, g.Next, g.Serving))
	}
	return strings.Join(texts, ", ")
}
