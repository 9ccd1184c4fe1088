package apply

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Parked is a record that was set aside, and why.
type Parked struct {
	Record kafka.Record
	Fault  *fault.Error
}

// The states of a row of counterfoil.parked.
const (
	stateParked    = "parked"    // it cannot apply
	stateWaiting   = "waiting"   // an earlier record of its key is parked
	stateDiscarded = "discarded" // somebody decided that it shall not apply
)

// Why a record waits, and why one that could apply does not.
var (
	behind    = fault.New(fault.CodeBehindParked, "an earlier record of its key is parked", nil)
	discarded = fault.New(fault.CodeDiscarded, "somebody decided that it shall not apply", nil)
)

// sort tells records that become rows from those that are set aside: those that cannot apply, and those whose key has a
// parked record before them (G6). A record without a key has no order to keep.
func (a *Applier) sort(ctx context.Context, tx pgx.Tx, partition kafka.Partition, items []item) (rows, aside []item, err error) {
	held, err := a.held(ctx, tx, partition, items)
	if err != nil {
		return nil, nil, err
	}
	discards, err := a.discarded(ctx, tx, items)
	if err != nil {
		return nil, nil, err
	}
	rows = make([]item, 0, len(items))
	for _, it := range items {
		key := string(it.record.Key)
		switch {
		case it.record.Key != nil && held[key]:
			it.fault, it.state = behind, stateWaiting
		case discards[it.record.Position]:
			it.fault, it.state = cmp.Or(it.fault, discarded), stateDiscarded
		case it.fault == nil:
			rows = append(rows, it)
			continue
		default:
			it.state = stateParked
			if it.record.Key != nil {
				held[key] = true
			}
		}
		aside = append(aside, it)
	}
	return rows, aside, nil
}

// held returns the keys of the items that have a parked record before these. Only this applier parks records of the
// partition while it has it, so the database is not asked where nothing is parked.
func (a *Applier) held(ctx context.Context, tx pgx.Tx, partition kafka.Partition, items []item) (map[string]bool, error) {
	held := map[string]bool{}
	a.mu.Lock()
	may := a.holds[partition]
	a.mu.Unlock()
	if !may {
		return held, nil
	}
	hashes := make([][]byte, 0, len(items))
	for _, it := range items {
		if it.record.Key != nil {
			hash := sha256.Sum256(it.record.Key)
			hashes = append(hashes, hash[:])
		}
	}
	keys, err := collect(ctx, tx, pgx.RowTo[[]byte], `
		SELECT DISTINCT key FROM counterfoil.parked
		WHERE sha256(key) = ANY ($1) AND read_model = $2 AND version = $3 AND topic = $4 AND partition = $5
			AND "offset" < $6 AND state IN ('parked', 'waiting')`,
		hashes, a.declaration.Name, a.declaration.Version, partition.Topic, partition.Number, items[0].record.Position.Offset)
	if err != nil {
		return nil, fmt.Errorf("look for parked keys: %w", err)
	}
	for _, key := range keys {
		held[string(key)] = true
	}
	return held, nil
}

// mayHold remembers that the partition has parked records.
func (a *Applier) mayHold(partition kafka.Partition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holds[partition] = true
}

// Resume finds out, at the start of a session, which partitions have parked records and which records were discarded. All
// decisions that were made before the session must have been recorded in the database by then.
func (a *Applier) Resume(ctx context.Context) error {
	partitions, err := collect(ctx, a.Pool, pgx.RowToStructByPos[kafka.Partition], `
		SELECT DISTINCT topic, partition FROM counterfoil.parked
		WHERE read_model = $1 AND version = $2 AND state IN ('parked', 'waiting')`, a.declaration.Name, a.declaration.Version)
	if err != nil {
		return postgres.Classify(fmt.Errorf("look for parked records: %w", err))
	}
	discards, err := collect(ctx, a.Pool, pgx.RowToStructByPos[position.Position], `
		SELECT topic, partition, "offset" FROM counterfoil.decisions
		WHERE decision = 'discard' AND read_model = $1`, a.declaration.Name)
	if err != nil {
		return postgres.Classify(fmt.Errorf("look for decisions: %w", err))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.holds, a.discards = map[kafka.Partition]bool{}, map[position.Position]bool{}
	for _, p := range partitions {
		a.holds[p] = true
	}
	for _, p := range discards {
		a.discards[p] = true
	}
	return nil
}

// discarded returns the positions of records that shall not apply. Decisions of this session are about records that could
// not apply, so the database is asked only where there is one.
func (a *Applier) discarded(ctx context.Context, tx pgx.Tx, items []item) (map[position.Position]bool, error) {
	a.mu.Lock()
	before := a.discards
	a.mu.Unlock()
	if !slices.ContainsFunc(items, func(it item) bool { return it.fault != nil }) {
		return before, nil
	}
	first, last := items[0].record.Position, items[len(items)-1].record.Position
	since, err := collect(ctx, tx, pgx.RowToStructByPos[position.Position], `
		SELECT topic, partition, "offset" FROM counterfoil.decisions
		WHERE decision = 'discard' AND read_model = $1 AND topic = $2 AND partition = $3 AND "offset" BETWEEN $4 AND $5`,
		a.declaration.Name, first.Topic, first.Partition, first.Offset, last.Offset)
	if err != nil || len(since) == 0 {
		return before, err
	}
	all := maps.Clone(before)
	for _, p := range since {
		all[p] = true
	}
	return all, nil
}

func collect[T any](ctx context.Context, db readmodel.Database, row pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, row)
}

// park sets the items aside, whole (G5). What is written must fit whatever a record holds: PostgreSQL has neither NUL nor
// broken UTF-8 in text, so names are mended and bytes are kept as bytes.
func (a *Applier) park(ctx context.Context, tx pgx.Tx, aside []item, result *Result) error {
	if len(aside) == 0 {
		return nil
	}
	// A row that is there already is from an earlier life of the topic, whose loss was accepted: the topic's word counts.
	offsets := make([]int64, len(aside))
	for i, it := range aside {
		offsets[i] = it.record.Position.Offset
	}
	first := aside[0].record.Position
	var statements pgx.Batch
	statements.Queue(`
		DELETE FROM counterfoil.parked
		WHERE read_model = $1 AND version = $2 AND topic = $3 AND partition = $4 AND "offset" = ANY ($5)`,
		a.declaration.Name, a.declaration.Version, first.Topic, first.Partition, offsets)
	for _, it := range aside {
		r := it.record
		headers, err := headersJSON(r.Headers)
		if err != nil {
			return fmt.Errorf("park %s: %w", r.Position, err)
		}
		var at *time.Time
		if keepable(r.Timestamp) {
			at = &r.Timestamp
		}
		statements.Queue(`
			INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset",
				state, class, code, reason, correlation_id, record_time, key, headers, value)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			a.declaration.Name, a.declaration.Version, r.Position.Topic, r.Position.Partition, r.Position.Offset,
			it.state, it.fault.Code.Class(), it.fault.Code, it.fault.Message, CorrelationID(r), at, r.Key, headers, r.Value)
		result.Parked = append(result.Parked, Parked{r, it.fault})
	}
	if err := tx.SendBatch(ctx, &statements).Close(); err != nil {
		return fmt.Errorf("park %d records: %w", len(aside), err)
	}
	return nil
}

// header is the JSON form of a record's header.
type header struct {
	Key   string `json:"key"`
	Value []byte `json:"value"` // encoding/json writes base64
}

func headersJSON(headers []kafka.Header) (string, error) {
	list := make([]header, len(headers))
	for i, h := range headers {
		list[i] = header{text(h.Key), h.Value}
	}
	encoded, err := json.Marshal(list)
	return string(encoded), err
}

// CorrelationID returns the record's correlation id, cut to what a log line and a column can bear; "" where it has none.
func CorrelationID(r kafka.Record) string {
	id := r.Header(command.CorrelationHeader)
	return text(string(id[:min(len(id), 64)]))
}

func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
