// Package catalog knows which read models and versions there are, and has questions put to the right one.
//
// It promises that what is created, switched or dropped is known within a second, by NOTIFY and by looking twice a second;
// and that somebody who asks without naming a version is never answered by one that does not serve at that moment, however
// late this process learns of a switch: every such question holds in its own snapshot a condition that the version still
// serves, and is put to the new one where it does not. So answers never go back in time across a switch, through however
// many processes (G8). It also promises that nothing is asked as a role that may do more than SELECT (G9).
//
// It knows no tables but the control tables. Packages read and ticket put the questions.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Catalog is what is known of the read models.
type Catalog struct {
	pool    *postgres.Pool
	pins    Pins
	timeout time.Duration
	log     *slog.Logger

	reloading sync.Mutex        // held by the one reload at a time
	trusted   bool              // guarded by reloading: the role has been checked since the database was last away
	changed   []func(*Snapshot) // guarded by reloading
	known     atomic.Pointer[Snapshot]
	doubt     chan struct{}
}

// New returns a catalog that knows nothing before Run. timeout bounds each question.
func New(pool *postgres.Pool, pins Pins, timeout time.Duration, log *slog.Logger) *Catalog {
	c := &Catalog{pool: pool, pins: pins, timeout: timeout, log: log, doubt: make(chan struct{}, 1)}
	c.known.Store(&Snapshot{err: fault.New(fault.CodeDatabaseAway, "PostgreSQL has not been reached yet.", nil)})
	return c
}

// OnChange has the function called with what is known from then on, each time that it is not what it was. Call it before Run.
func (c *Catalog) OnChange(changed func(*Snapshot)) { c.changed = append(c.changed, changed) }

// Now returns what is known.
func (c *Catalog) Now() *Snapshot { return c.known.Load() }

// Doubt has what is known looked into soon.
func (c *Catalog) Doubt() {
	select {
	case c.doubt <- struct{}{}:
	default:
	}
}

// Asked is the version that a question is put to.
type Asked struct {
	*Version

	// Stands is a condition in SQL that holds in the snapshots of the database in which this is the version to ask. The
	// question selects it in the statement that reads, and returns ErrMoved where it does not hold.
	Stands string
}

// ErrMoved is returned by a question whose version is not the one to ask any more.
var ErrMoved = errors.New("another version serves")

// Question reads from a version. It may be put again to another one, as long as it returns ErrMoved or a missing table.
type Question func(ctx context.Context, db *postgres.Pool, v Asked) error

// attempts is how often a question is put: a version may move more than once while it is on its way.
const attempts = 5

// Ask puts the question to the target's version. Errors are faults, except that of ctx when the caller left.
func (c *Catalog) Ask(ctx context.Context, t Target, question Question) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	k := c.known.Load()
	var err error
	for range attempts {
		var v *Version
		if v, err = k.Find(t); err != nil {
			return err
		}
		asked := Asked{v, k.stands(t, v)}
		err = asked.confirm(bounded, c.pool, question(bounded, c.pool, asked))
		if !errors.Is(err, ErrMoved) && !postgres.IsMissing(err) {
			break
		}
		k = c.reloadAfter(bounded, k)
	}
	return c.judge(ctx, t, err)
}

// Inspect puts a question about the target's version itself, which may be in any state but dropped. Errors are those of Ask.
func (c *Catalog) Inspect(ctx context.Context, t Target, question func(ctx context.Context, db *postgres.Pool, v *Version) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	v, err := c.Now().Described(t)
	if err != nil {
		return err
	}
	return c.judge(ctx, t, question(bounded, c.pool, v))
}

// confirm returns the error of a question that failed. One that says that the question does not fit the version holds only
// if the version still is the one to ask: it may fit the next one.
func (v Asked) confirm(ctx context.Context, db *postgres.Pool, failure error) error {
	if !fault.Is(failure, fault.Invalid) || v.Stands == always {
		return failure
	}
	var stands bool
	if err := db.QueryRow(ctx, `SELECT `+v.Stands).Scan(&stands); err != nil {
		return err
	}
	if !stands {
		return ErrMoved
	}
	return failure
}

// always is the condition of a version that was asked for by its number.
const always = "true"

// stands returns the condition that the version is the one to ask. Names and numbers of versions are ours: a declaration
// with a name that would need quoting is refused.
func (s *Snapshot) stands(t Target, v *Version) string {
	pin := s.Model(t.Model).Pin
	switch {
	case t.Number > 0 || pin.Number > 0:
		return always
	case pin.Latest:
		return fmt.Sprintf(`(SELECT max(version) FROM counterfoil.read_models WHERE name = '%s' AND state IN ('ready', 'serving')) = %d`, v.Name, v.Number)
	default:
		return fmt.Sprintf(`EXISTS (SELECT FROM counterfoil.read_models WHERE name = '%s' AND version = %d AND state = 'serving')`, v.Name, v.Number)
	}
}

// judge classifies a question's error, and has the state of the database looked into where the error casts doubt on it.
func (c *Catalog) judge(ctx context.Context, t Target, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case postgres.IsMissing(err):
		err = missing(t.Model, err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.CodeDatabaseAway, "PostgreSQL did not answer in time.", err)
	case errors.Is(err, ErrMoved):
		err = fault.New(fault.CodeDatabaseAway, "The serving version moves again and again. Ask again in a moment.", err)
	default:
		err = postgres.Classify(err)
	}
	if fault.Is(err, fault.Away) {
		c.Doubt()
	}
	return err
}
