package read

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// How often the serving version is read again: slowly while all is well, faster while it is not, and never faster than
// the shortest even if every question fails.
const (
	reloadEvery    = 2 * time.Second
	reloadWhenAway = 500 * time.Millisecond
	reloadShortest = 100 * time.Millisecond
)

// errRefused is in the chain of the error with which Run ends when the role may do more than SELECT.
var errRefused = errors.New("refusing to read")

// Run keeps the knowledge of the serving version current until ctx ends. It returns an error only if the role may do
// more than SELECT (G9), which is checked before the first question is answered and again whenever the database was away.
func (m *Model) Run(ctx context.Context) error {
	for {
		k := m.reload(ctx)
		if errors.Is(k.err, errRefused) {
			return k.err
		}
		pause := reloadEvery
		if k.err != nil {
			pause = reloadWhenAway
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reloadShortest):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-m.doubt:
		case <-time.After(pause - reloadShortest):
		}
	}
}

// reloadAfter reloads unless somebody else did so since the caller learned what it knows.
func (m *Model) reloadAfter(ctx context.Context, told *knowledge) *knowledge {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if k := m.known.Load(); k != told {
		return k
	}
	return m.reloadLocked(ctx)
}

func (m *Model) reload(ctx context.Context) *knowledge {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	return m.reloadLocked(ctx)
}

func (m *Model) reloadLocked(ctx context.Context) *knowledge {
	bounded, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	before := m.known.Load()
	version, err := m.findServing(bounded)
	if err == nil && !m.trusted {
		err = m.requireReadOnly(bounded)
	}
	if ctx.Err() != nil {
		return before // the caller left, which says nothing of the database
	}
	m.trusted = err == nil
	now := m.conclude(before, version, err)
	m.known.Store(now)
	m.tell(ctx, before, now)
	return now
}

func (m *Model) conclude(before *knowledge, version readmodel.Version, err error) *knowledge {
	if postgres.IsMissing(err) {
		err = m.missing(err)
	}
	err = postgres.Classify(err)
	switch {
	case err == nil:
		return &knowledge{version: version}
	case fault.Of(err).Code == fault.CodeReadModelMissing:
		return &knowledge{err: err, missing: true}
	case postgres.IsNoDatabase(err), errors.Is(err, errRefused):
		return &knowledge{err: err}
	default:
		// Most likely the version is what it was, and questions succeed as soon as the database is back.
		return &knowledge{version: before.version, err: err}
	}
}

// errNoVersion is like a missing table: the control tables are there and no version is.
var errNoVersion = errors.New("no version serves")

// findServing returns the version that serves, whose table exists. It returns an error of pgx or a fault.
func (m *Model) findServing(ctx context.Context) (readmodel.Version, error) {
	versions, err := readmodel.Versions(ctx, m.pool)
	if err != nil {
		return readmodel.Version{}, fmt.Errorf("read the versions: %w", err)
	}
	for _, v := range versions {
		if v.Name != m.name || !v.Serving() {
			continue
		}
		var exists bool
		err := m.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, postgres.Identifier(v.Schema, v.Table)).Scan(&exists)
		if err != nil {
			return readmodel.Version{}, fmt.Errorf("look for the table of %s: %w", v.Label(), err)
		}
		if !exists {
			return readmodel.Version{}, m.missing(fmt.Errorf("there is no table %s.%s", v.Schema, v.Table))
		}
		return v, nil
	}
	return readmodel.Version{}, m.missing(errNoVersion)
}

// requireReadOnly checks the role (G9). Only a role that may do more is refused; a check that failed is tried again.
func (m *Model) requireReadOnly(ctx context.Context) error {
	err := postgres.RequireReadOnly(ctx, m.pool)
	if fault.Is(err, fault.Misconfigured) && fault.Of(err).Cause == nil {
		return fault.New(fault.CodeMisconfigured, fault.Of(err).Message, errRefused)
	}
	return err
}

// tell logs what changed, once.
func (m *Model) tell(ctx context.Context, before, now *knowledge) {
	switch {
	case now.err == nil && (before.err != nil || before.version != now.version):
		m.log.InfoContext(ctx, "the read model can be asked", "read_model", now.version.Name, "version", now.version.Number,
			"table", now.version.Schema+"."+now.version.Table)
	case now.err != nil && (before.err == nil || fault.Of(before.err).Message != fault.Of(now.err).Message):
		level := slog.LevelWarn
		if fault.Is(now.err, fault.Misconfigured) {
			level = slog.LevelError
		}
		m.log.Log(ctx, level, "the read model cannot be asked", "read_model", m.name, "code", fault.Of(now.err).Code, "error", now.err)
	}
}
