package readmodel

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A hold keeps the checkpoints of a group from moving past an offset (the writer looks at hold_at and hold_until in the
// statement that moves them). It expires by itself: nobody is held for longer than holdFor by a process that is gone.
const (
	holdFor   = 10 * time.Second
	holdRenew = 2 * time.Second
	holdLook  = 20 * time.Millisecond
)

type hold struct {
	conn     *pgx.Conn
	group    string
	deadline time.Time // of waiting
	renewed  time.Time
	again    func(ctx context.Context, what string) (*pgx.Conn, error) // connects again
}

// here holds the group where it is, and returns where that is.
func (h *hold) here(ctx context.Context, topics []string) ([]Target, error) {
	_, err := h.conn.Exec(ctx, `
		UPDATE counterfoil.checkpoints SET hold_at = next_offset, hold_until = now() + $3 WHERE group_id = $1 AND topic = ANY ($2)`,
		h.group, topics, holdFor)
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", h.group, err)
	}
	h.renewed = time.Now()
	return positions(ctx, h.conn, h.group, topics)
}

// at lets the group go on up to there.
func (h *hold) at(ctx context.Context, at []Target) error {
	for _, t := range at {
		_, err := h.conn.Exec(ctx, `
			UPDATE counterfoil.checkpoints SET hold_at = $4, hold_until = now() + $5 WHERE group_id = $1 AND topic = $2 AND partition = $3`,
			h.group, t.Topic, t.Partition, t.End, holdFor)
		if err != nil {
			return fmt.Errorf("hold %s: %w", h.group, err)
		}
	}
	h.renewed = time.Now()
	return nil
}

// errLate is the error of waiting in vain. The deadline is no context's, which would break the connection.
var errLate = fmt.Errorf("%w: the versions did not come to the same positions in time; `counterfoil readmodel status` shows how far they are, and whether a consumer-service applies records to them", ErrNotYet)

// until waits until there says so, and goes on holding meanwhile.
func (h *hold) until(ctx context.Context, there func() (bool, error)) error {
	look := time.NewTicker(holdLook)
	defer look.Stop()
	for {
		if ok, err := there(); ok || err != nil {
			return err
		}
		if time.Now().After(h.deadline) {
			return errLate
		}
		if time.Since(h.renewed) > holdRenew {
			_, err := h.conn.Exec(ctx, `UPDATE counterfoil.checkpoints SET hold_until = now() + $2 WHERE group_id = $1 AND hold_at IS NOT NULL`, h.group, holdFor)
			if err != nil {
				return fmt.Errorf("hold %s: %w", h.group, err)
			}
			h.renewed = time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// release lets the group go, also when what held it was cancelled, which breaks a connection that is in use.
func (h *hold) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	conn := h.conn
	if conn.IsClosed() {
		var err error
		if conn, err = h.again(ctx, "release"); err != nil {
			return fmt.Errorf("release %s, which is held for another %s at most: %w", h.group, holdFor, err)
		}
		defer closeConn(ctx, conn)
	}
	_, err := conn.Exec(ctx, `UPDATE counterfoil.checkpoints SET hold_at = NULL, hold_until = NULL WHERE group_id = $1 AND hold_at IS NOT NULL`, h.group)
	return err
}

// positions returns the group's checkpoints in the topics, by topic and partition, in one snapshot.
func positions(ctx context.Context, db Database, group string, topics []string) ([]Target, error) {
	rows, err := db.Query(ctx, `
		SELECT topic, partition, next_offset FROM counterfoil.checkpoints WHERE group_id = $1 AND topic = ANY ($2)
		ORDER BY topic, partition`, group, topics)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Target])
}

// passed reports whether a group is at least there, in every partition.
func passed(at, there []Target) bool {
	next := map[Target]int64{}
	for _, t := range at {
		next[Target{Topic: t.Topic, Partition: t.Partition}] = t.End
	}
	for _, t := range there {
		n, known := next[Target{Topic: t.Topic, Partition: t.Partition}]
		if !known || n < t.End {
			return false
		}
	}
	return true
}
