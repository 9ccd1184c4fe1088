// Package read asks the serving version of a read model.
//
// It promises that every query has a deadline, names its schema, and is refused while the database role may do more than
// SELECT (G9); and that a database which was away, dropped or empty is used again, without a restart, when it is back.
// Each file but this one and reload.go holds one question. Package api asks them, package ticket asks its own.
package read

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Model is a read model, of which one version serves.
type Model struct {
	pool    *postgres.Pool
	name    string
	timeout time.Duration
	log     *slog.Logger

	reloading sync.Mutex // held by the one reload at a time
	trusted   bool       // guarded by reloading: the role has been checked since the database was last away
	known     atomic.Pointer[knowledge]
	doubt     chan struct{}
}

// knowledge is what the last reload found. It does not change.
type knowledge struct {
	version readmodel.Version // Number 0 where none is known
	err     error             // a fault; nil where the version can be asked
	missing bool              // the database answered that the read model is not there
}

// NewModel returns the read model of that name. Its version is known once Run has found it. timeout bounds each query.
func NewModel(pool *postgres.Pool, name string, timeout time.Duration, log *slog.Logger) *Model {
	m := &Model{pool: pool, name: name, timeout: timeout, log: log, doubt: make(chan struct{}, 1)}
	m.known.Store(&knowledge{err: fault.New(fault.CodeDatabaseAway, "PostgreSQL has not been reached yet.", nil)})
	return m
}

// Answers reports whether the label, such as timestamp/v1, is that of the version that serves, or may be.
func (m *Model) Answers(label string) bool {
	k := m.known.Load()
	return k.version.Number == 0 || k.version.Label() == label
}

// Reachable reports whether PostgreSQL answered last time, and what is wrong if it did not. It does not ask.
func (m *Model) Reachable() (ok bool, detail string) {
	if k := m.known.Load(); k.err != nil && !k.missing {
		return false, fault.Of(k.err).Message
	}
	return true, ""
}

// Known reports whether there is a version to ask and which, or what is wrong if there is none. It does not ask.
func (m *Model) Known() (ok bool, detail string) {
	k := m.known.Load()
	if k.err != nil {
		return false, fault.Of(k.err).Message
	}
	return true, k.version.Label() + " serves"
}

// Ask runs a question against the serving version. The question may be run a second time, against another version, if
// the first one was dropped meanwhile. Errors are faults, except that of ctx when the caller left.
func (m *Model) Ask(ctx context.Context, question func(ctx context.Context, db *postgres.Pool, v readmodel.Version) error) error {
	k := m.known.Load()
	if k.version.Number == 0 {
		return k.err
	}
	bounded, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	err := question(bounded, m.pool, k.version)
	if postgres.IsMissing(err) {
		if now := m.reloadAfter(bounded, k); now.err == nil && now.version != k.version {
			err = question(bounded, m.pool, now.version)
		}
	}
	return m.judge(ctx, err)
}

// judge classifies a question's error, and has the state of the database looked into where the error casts doubt on it.
func (m *Model) judge(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case postgres.IsMissing(err):
		err = m.missing(err)
	case errors.Is(err, context.DeadlineExceeded):
		err = fault.New(fault.CodeDatabaseAway, "PostgreSQL did not answer in time.", err)
	default:
		err = postgres.Classify(err)
	}
	if fault.Is(err, fault.Away) {
		select {
		case m.doubt <- struct{}{}:
		default:
		}
	}
	return err
}

func (m *Model) missing(cause error) error {
	return fault.New(fault.CodeReadModelMissing,
		"The read model "+m.name+" is not there yet; the consumer-service creates it when it starts.", cause)
}
