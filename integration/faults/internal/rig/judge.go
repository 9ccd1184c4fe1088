package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

// Moving waits until a command was acknowledged, and a record applied, that was not before. The load has to run.
func (r *Rig) Moving() {
	r.t.Helper()
	acknowledged, applied := r.Load.Acknowledged(), r.applied.count()
	r.await(func(context.Context) error {
		if r.Load.Acknowledged() == acknowledged || r.applied.count() == applied {
			return errors.New("nothing moves")
		}
		return nil
	})
}

// CatchUp pauses the load and waits until every record was applied.
func (r *Rig) CatchUp() {
	r.t.Helper()
	if r.loading {
		r.loading = false
		if err := r.Load.Pause(); err != nil {
			r.t.Fatal(err)
		}
	}
	r.await(r.settled)
}

// Judge pauses the load, waits until every record was applied, has every acknowledged command answered, and holds all of
// it to the promises. The test fails where one is broken.
func (r *Rig) Judge() check.Verdict {
	r.t.Helper()
	r.CatchUp()
	r.applied.pause(true)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	r.noLag(ctx)
	history, err := r.history(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	r.verdict = check.Check(history)
	const most = 20
	for i, violation := range r.verdict.Violations {
		if i == most {
			r.t.Errorf("and %d more", len(r.verdict.Violations)-most)
			break
		}
		r.t.Error(violation)
	}
	if len(r.verdict.Violations) > 0 {
		r.keep()
		r.t.Log(r.show())
	}
	return r.verdict
}

// noLag waits until the consumers themselves say that they are behind with nothing.
func (r *Rig) noLag(ctx context.Context) {
	r.t.Helper()
	err := until(Patience, func(context.Context) error {
		for _, s := range r.Consumers {
			lag, err := s.Metric(ctx, "counterfoil_lag_records")
			if err == nil && lag != 0 {
				err = fmt.Errorf("%s says that it is %v records behind", s.Name, lag)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Errorf("waited in vain: %v", err)
	}
}

// history gathers all that is known.
func (r *Rig) history(ctx context.Context) (check.History, error) {
	attempts, err := ledger.Read(r.path)
	if err != nil {
		return check.History{}, err
	}
	var ask []string
	for _, a := range attempts {
		if a.Outcome == ledger.Acknowledged && !r.asked[a.ID] {
			r.asked[a.ID] = true
			ask = append(ask, a.ID)
		}
	}
	r.Load.Ask(ctx, ask)
	records, err := r.records(ctx)
	rows, rowsErr := r.rows(ctx)
	set, setErr := r.set(ctx)
	return check.History{Attempts: attempts, Records: records, Rows: rows, Set: set, Observations: r.Load.Observations()},
		errors.Join(err, rowsErr, setErr)
}

// keep copies the ledger to where the test's end does not remove it.
func (r *Rig) keep() {
	content, err := os.ReadFile(r.path)
	if err != nil {
		return
	}
	path := filepath.Join(os.TempDir(), fmt.Sprintf("counterfoil-ledger-%d", os.Getpid()))
	if err := os.WriteFile(path, content, 0o644); err == nil {
		r.t.Logf("the ledger is kept in %s", path)
	}
}

// Longest returns the longest times without progress while the load ran, of accepting and of applying, and begins anew.
func (r *Rig) Longest() (accepting, applying time.Duration) {
	return r.Load.Longest(), r.applied.longest()
}
