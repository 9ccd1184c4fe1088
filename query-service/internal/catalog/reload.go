package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// How often the versions are read again, and the least time between two readings even if every question fails.
const (
	reloadEvery    = 500 * time.Millisecond
	reloadShortest = 100 * time.Millisecond
)

// errRefused is in the chain of the error with which Run ends when the role may do more than SELECT.
var errRefused = errors.New("refusing to read")

// Run keeps the catalog current until ctx ends. It returns an error only if the role may do more than SELECT (G9), which is
// checked before the first question is answered, when a version appears, and again whenever the database was away.
func (c *Catalog) Run(ctx context.Context) error {
	for {
		k := c.reload(ctx)
		if errors.Is(k.err, errRefused) {
			return k.err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reloadShortest):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-c.doubt:
		case <-time.After(reloadEvery - reloadShortest):
		}
	}
}

// reloadAfter reloads unless somebody else did so since the caller learned what it knows.
func (c *Catalog) reloadAfter(ctx context.Context, told *Snapshot) *Snapshot {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	if k := c.known.Load(); k != told {
		return k
	}
	return c.reloadLocked(ctx)
}

func (c *Catalog) reload(ctx context.Context) *Snapshot {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	return c.reloadLocked(ctx)
}

func (c *Catalog) reloadLocked(ctx context.Context) *Snapshot {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	before := c.known.Load()
	now, err := c.read(bounded, before)
	if err == nil && (!c.trusted || !sameVersions(before, now)) {
		err = c.requireReadOnly(bounded)
	}
	if ctx.Err() != nil {
		return before // the caller left, which says nothing of the database
	}
	c.trusted = err == nil
	if err != nil {
		now = conclude(before, err)
	}
	if !sameVersions(before, now) { // those who follow are ready before anybody is answered from what is new
		for _, changed := range c.changed {
			changed(now)
		}
	}
	c.known.Store(now)
	c.tell(ctx, before, now)
	return now
}

// read reads all versions, and what answers need of those that are new.
func (c *Catalog) read(ctx context.Context, before *Snapshot) (*Snapshot, error) {
	declared, err := readmodel.DeclaredVersionsAfter(ctx, c.pool, before.declared)
	if err != nil {
		return nil, fmt.Errorf("read the versions: %w", err)
	}
	now := &Snapshot{declared: declared}
	for _, d := range declared {
		v := &Version{Declared: d}
		if m := before.Model(d.Name); m != nil {
			if known := m.Version(d.Number); known != nil && known.Declaration == d.Declaration && len(known.Fields) == len(d.Declaration.Columns) {
				v.Fields = known.Fields
			}
		}
		if d.Refused != nil {
			v.Fields = map[string]int32{}
		}
		if v.Fields == nil {
			if v.Fields, err = readmodel.Fields(ctx, c.pool, d.Declaration); err != nil {
				return nil, fmt.Errorf("read the field numbers of %s: %w", d.Label(), err)
			}
		}
		if last := len(now.Models) - 1; last < 0 || now.Models[last].Name != d.Name {
			now.Models = append(now.Models, &Model{Name: d.Name, Pin: c.pins[d.Name]})
		}
		m := now.Models[len(now.Models)-1]
		m.Versions = append(m.Versions, v)
	}
	if len(now.Models) == 0 {
		return nil, missing("timestamp", errors.New("no version of any read model is known"))
	}
	return now, nil
}

// conclude returns what is known after a reload that failed.
func conclude(before *Snapshot, err error) *Snapshot {
	if postgres.IsMissing(err) {
		err = missing("timestamp", err)
	}
	err = postgres.Classify(err)
	switch {
	case fault.Of(err).Code == fault.CodeReadModelMissing:
		return &Snapshot{err: err, missing: true}
	case postgres.IsNoDatabase(err), errors.Is(err, errRefused):
		return &Snapshot{err: err}
	default:
		// Most likely the versions are what they were, and questions succeed as soon as the database is back.
		return &Snapshot{Models: before.Models, declared: before.declared, err: err}
	}
}

// requireReadOnly checks the role (G9). Only a role that may do more is refused; a check that failed is tried again.
func (c *Catalog) requireReadOnly(ctx context.Context) error {
	err := postgres.RequireReadOnly(ctx, c.pool)
	if fault.Is(err, fault.Misconfigured) && fault.Of(err).Cause == nil {
		return fault.New(fault.CodeMisconfigured, fault.Of(err).Message, errRefused)
	}
	return err
}

// sameVersions reports whether both know the same versions in the same states and shapes.
func sameVersions(a, b *Snapshot) bool {
	return slices.EqualFunc(a.declared, b.declared, func(a, b readmodel.Declared) bool {
		return a.Version == b.Version && a.Declaration == b.Declaration && a.TableExists == b.TableExists
	})
}

// Reachable reports whether PostgreSQL answered last time, and what is wrong if it did not. It does not ask.
func (c *Catalog) Reachable() (ok bool, detail string) {
	if k := c.known.Load(); k.err != nil && !k.missing {
		return false, fault.Of(k.err).Message
	}
	return true, ""
}

// Known reports whether there is a read model to ask and which versions answer, or what is wrong. It does not ask.
func (c *Catalog) Known() (ok bool, detail string) {
	k := c.known.Load()
	if k.err != nil {
		return false, fault.Of(k.err).Message
	}
	var details []string
	for _, m := range k.Models {
		v, err := k.Find(Target{Model: m.Name})
		switch {
		case err != nil:
			details = append(details, fault.Of(err).Message)
		case m.Pin != Pin{}:
			ok, details = true, append(details, v.Label()+" answers, as it is pinned")
		default:
			ok, details = true, append(details, v.Label()+" serves")
		}
	}
	return ok, strings.Join(details, "; ")
}

// tell logs what changed, once.
func (c *Catalog) tell(ctx context.Context, before, now *Snapshot) {
	if now.err != nil {
		if before.err == nil || fault.Of(before.err).Message != fault.Of(now.err).Message {
			level := slog.LevelWarn
			if fault.Is(now.err, fault.Misconfigured) {
				level = slog.LevelError
			}
			c.log.Log(ctx, level, "the read models cannot be asked", "code", fault.Of(now.err).Code, "error", now.err)
		}
		return
	}
	for _, m := range now.Models {
		for _, v := range m.Versions {
			if was := before.Model(m.Name); v.Refused != nil && (was == nil || was.Version(v.Number) == nil || was.Version(v.Number).Refused == nil) {
				c.log.ErrorContext(ctx, "the declaration of a version cannot be used, the others can be asked", "read_model", v.Name, "version", v.Number, "error", v.Refused)
			}
		}
		t := Target{Model: m.Name}
		v, err := now.Find(t)
		was, wasErr := before.Find(t)
		switch {
		case err == nil && (wasErr != nil || before.err != nil || was.Version != v.Version):
			c.log.InfoContext(ctx, "the read model can be asked", "read_model", v.Name, "version", v.Number, "table", v.Schema+"."+v.Table)
		case err != nil && (wasErr == nil || before.err != nil || fault.Of(wasErr).Message != fault.Of(err).Message):
			c.log.WarnContext(ctx, "the read model cannot be asked", "read_model", m.Name, "code", fault.Of(err).Code, "error", err)
		}
	}
}
