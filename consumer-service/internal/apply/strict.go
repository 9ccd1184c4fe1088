package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Changed tells the applier of its version's state. While the version is being built, and unless somebody allowed it, a
// record that the serving version applied must apply to it too.
func (a *Applier) Changed(v readmodel.Version) {
	a.strict.Store(v.State == readmodel.Building && !v.AllowParked)
}

// allowed returns a fault that stops the build when one of the items, which are about to be parked, was applied by the
// serving version. What that one parked, or did not come to yet, may be parked here too.
func (a *Applier) allowed(ctx context.Context, tx pgx.Tx, partition kafka.Partition, aside []item) error {
	if !a.strict.Load() {
		return nil
	}
	why := map[int64]*fault.Error{}
	var offsets []int64
	for _, it := range aside {
		if offset := it.record.Position.Offset; it.state == stateParked {
			offsets, why[offset] = append(offsets, offset), it.fault
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	var serving int
	var offset int64
	err := tx.QueryRow(ctx, `
		SELECT m.version, o.at FROM counterfoil.read_models m
		JOIN counterfoil.checkpoints c ON c.group_id = m.group_id AND c.topic = $2 AND c.partition = $3
		JOIN unnest($4::bigint[]) AS o (at) ON o.at < c.next_offset
		WHERE m.name = $1 AND m.state = 'serving' AND NOT EXISTS (
			SELECT FROM counterfoil.parked p
			WHERE p.read_model = m.name AND p.version = m.version AND p.topic = $2 AND p.partition = $3 AND p."offset" = o.at)
		ORDER BY o.at LIMIT 1`,
		a.declaration.Name, partition.Topic, partition.Number, offsets).Scan(&serving, &offset)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("compare with what the serving version parked: %w", err)
	}
	at := position.Position{Topic: partition.Topic, Partition: partition.Number, Offset: offset}
	return fault.New(fault.CodeBuildStopped, fmt.Sprintf(
		"%s/v%d applied the record at %s, and %s cannot (%s: %s); mend the declaration, or allow it: counterfoil readmodel build --help",
		a.declaration.Name, serving, at, a.declaration.Label(), why[offset].Code, why[offset].Message), nil)
}
