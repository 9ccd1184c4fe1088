package readmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/position"
)

// ParkedFilter says which records that are set aside are meant. A field without a value means all.
type ParkedFilter struct {
	ReadModel string
	Topic     string
	Code      string
	State     string // parked, waiting or discarded
	Since     time.Time
	Until     time.Time
	Positions []position.Position
	Limit     int // how many at most; 0 means all
}

// ParkedRecord is a record that is set aside, without its bytes.
type ParkedRecord struct {
	ReadModel     string            `json:"read_model"`
	Version       int               `json:"version"`
	Position      position.Position `json:"-"`
	At            string            `json:"position"`
	State         string            `json:"state"`
	Class         string            `json:"class"`
	Code          string            `json:"code"`
	Reason        string            `json:"reason"`
	Attempts      int               `json:"attempts"`
	CorrelationID string            `json:"correlation_id,omitempty"`
	ParkedAt      time.Time         `json:"parked_at"`
	LastAttemptAt time.Time         `json:"last_attempt_at"`
	Waiting       int               `json:"waiting_behind"` // records of its key that wait for it
}

// ListParked returns the records that the filter means, the oldest first.
func ListParked(ctx context.Context, db Database, f ParkedFilter) ([]ParkedRecord, error) {
	where, args := f.where()
	rows, err := db.Query(ctx, `
		SELECT p.read_model, p.version, p.topic, p.partition, p."offset", p.state, p.class, p.code, p.reason, p.attempts,
			p.correlation_id, p.parked_at, p.last_attempt_at,
			CASE WHEN p.state = 'parked' THEN (
				SELECT count(*) FROM counterfoil.parked w
				WHERE sha256(w.key) = sha256(p.key) AND w.read_model = p.read_model AND w.version = p.version
					AND w.topic = p.topic AND w.partition = p.partition AND w.state = 'waiting' AND w."offset" > p."offset")
			ELSE 0 END
		FROM counterfoil.parked p WHERE `+where+`
		ORDER BY p.parked_at, p.topic, p.partition, p."offset", p.version`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r ParkedRecord, err error) {
		err = row.Scan(&r.ReadModel, &r.Version, &r.Position.Topic, &r.Position.Partition, &r.Position.Offset, &r.State, &r.Class,
			&r.Code, &r.Reason, &r.Attempts, &r.CorrelationID, &r.ParkedAt, &r.LastAttemptAt, &r.Waiting)
		r.At = r.Position.String()
		return r, err
	})
}

func (f ParkedFilter) where() (string, []any) {
	conditions, args := []string{"true"}, []any{}
	add := func(condition string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	for column, value := range map[string]string{"read_model": f.ReadModel, "topic": f.Topic, "code": f.Code, "state": f.State} {
		if value != "" {
			add("p."+column+" = ?", value)
		}
	}
	if !f.Since.IsZero() {
		add("p.parked_at >= ?", f.Since)
	}
	if !f.Until.IsZero() {
		add("p.parked_at < ?", f.Until)
	}
	if len(f.Positions) > 0 {
		texts := make([]string, len(f.Positions))
		for i, at := range f.Positions {
			texts[i] = at.String()
		}
		add(`p.topic || '/' || p.partition || '@' || p."offset" = ANY (?)`, texts)
	}
	where := strings.Join(conditions, " AND ")
	if f.Limit > 0 {
		// A limit counts records, and a record is parked once for each version.
		where = fmt.Sprintf(`(p.topic, p.partition, p."offset") IN (
			SELECT p.topic, p.partition, p."offset" FROM counterfoil.parked p WHERE %s
			GROUP BY 1, 2, 3 ORDER BY min(p.parked_at), 1, 2, 3 LIMIT %d) AND %s`, where, f.Limit, where)
	}
	return where, args
}

// ParkedBytes is what a record that is set aside holds.
type ParkedBytes struct {
	Key       []byte
	Value     []byte
	Headers   json.RawMessage // a list of {"key": text, "value": base64}
	Timestamp *time.Time      // the record's; nil where it has none
}

// ReadParked returns what the record at the position holds, or pgx.ErrNoRows where none is set aside.
func ReadParked(ctx context.Context, db Database, at position.Position) (ParkedBytes, error) {
	rows, err := db.Query(ctx, `
		SELECT key, value, headers, record_time FROM counterfoil.parked
		WHERE topic = $1 AND partition = $2 AND "offset" = $3 LIMIT 1`, at.Topic, at.Partition, at.Offset)
	if err != nil {
		return ParkedBytes{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[ParkedBytes])
}

// Effect returns what the decision at a position of the control topic came to, or "" while it was not carried out.
func Effect(ctx context.Context, db Database, at position.Position) (string, error) {
	rows, err := db.Query(ctx, `
		SELECT effect FROM counterfoil.decisions
		WHERE control_topic = $1 AND control_partition = $2 AND control_offset = $3`, at.Topic, at.Partition, at.Offset)
	if err != nil {
		return "", err
	}
	effects, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(effects) == 0 {
		return "", err
	}
	return effects[0], nil
}
