package control

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

// carrying is a decision that is being carried out, a page in each transaction. What it knows of earlier pages is for the
// effect's words only: a crash forgets it.
type carrying struct {
	expected int64 // the checkpoint of the control topic
	record   kafka.Record
	decision decision.Decision
	versions []*apply.Applier
	effects  []string // by version; "" while that one is not done
	released []int    // records that went on, by version
}

// page carries out as much as one transaction shall bear, and reports whether that was all. The checkpoint moves with the
// last page; before that it is only found where it should be (G4), so a crash between pages begins the decision again.
func (a *Applier) page(ctx context.Context, tx pgx.Tx, c *carrying) (done bool, err error) {
	at := c.record.Position
	if err := a.Move(ctx, tx, partitionOf(c.record), c.expected, c.expected); err != nil {
		return false, err
	}
	// Recorded first: a record of the decision's key that waits behind it may be discarded by an earlier one.
	if err := a.record(ctx, tx, c.record, c.decision); err != nil {
		return false, err
	}
	crash.Here("control: decision recorded")
	if done, err := a.carryOut(ctx, tx, c); err != nil || !done {
		return false, err
	}
	_, err = tx.Exec(ctx, `
		UPDATE counterfoil.decisions SET effect = $4
		WHERE control_topic = $1 AND control_partition = $2 AND control_offset = $3`,
		at.Topic, at.Partition, at.Offset, c.effect())
	if err != nil {
		return false, fmt.Errorf("record the effect: %w", err)
	}
	return true, a.Move(ctx, tx, partitionOf(c.record), c.expected, at.Offset+1)
}

// carryOut lets every version of the read model act on the decision, one page of one version at a time. A decision about
// lost history is acted on by the member that refuses the partition, which looks for it.
func (a *Applier) carryOut(ctx context.Context, tx pgx.Tx, c *carrying) (done bool, err error) {
	for i, version := range c.versions {
		if c.decision.Verb == decision.AcceptLoss || c.effects[i] != "" {
			continue
		}
		result, err := version.Decide(ctx, tx, c.decision)
		if err != nil {
			return false, err
		}
		c.released[i] += result.Released
		if result.More {
			return false, nil
		}
		c.effects[i] = result.Effect
		if c.released[i] > 0 {
			c.effects[i] += fmt.Sprintf("; %d that waited behind it went on", c.released[i])
		}
	}
	return true, nil
}

// effect says what the decision came to.
func (c *carrying) effect() string {
	if c.decision.Verb == decision.AcceptLoss {
		return "accepted"
	}
	switch len(c.versions) {
	case 0:
		return "there is no such read model"
	case 1:
		return c.effects[0]
	}
	effects := make([]string, len(c.versions))
	for i, version := range c.versions {
		effects[i] = version.Label() + ": " + c.effects[i]
	}
	return strings.Join(effects, "; ")
}
