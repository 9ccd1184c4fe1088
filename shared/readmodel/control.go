package readmodel

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Database is what the functions of this package need of a pool, a connection or a transaction.
type Database interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// AppliedChannel is the channel of NOTIFY on which a consumer says, in the transaction of a batch, that rows of a version
// changed; the payload is the version's label, such as timestamp/v1.
const AppliedChannel = "counterfoil_applied"

// Version is a row of the control table of versions.
type Version struct {
	Name        string
	Number      int
	Schema      string
	Table       string // what readers select from
	Group       string // the consumer group that applies records to it; "" before the first
	State       State
	Previous    bool   // it served before the one that serves now
	Indexed     bool   // its declared indexes exist
	AllowParked bool   // records that the serving version applied may be parked in this one
	Builder     string // the process that alone applies records to it; "" where every consumer-service does
	ChangedAt   time.Time
	Fingerprint string // of the declaration that it was created with
}

// Serving reports whether unscoped paths answer from the version.
func (v Version) Serving() bool { return v.State == Serving }

// Label returns the version's name as clients see it.
func (v Version) Label() string { return Label(v.Name, v.Number) }

// Label returns the name of a model's version as clients see it, such as timestamp/v1.
func Label(model string, version int) string { return model + "/v" + strconv.Itoa(version) }

// Versions returns all versions of all read models, by name and number.
func Versions(ctx context.Context, db Database) ([]Version, error) {
	rows, err := db.Query(ctx, `SELECT `+versionColumns+` FROM counterfoil.read_models ORDER BY name, version`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Version])
}

// SetGroup records which group applies records to the version from now on. Its checkpoints then say how far the version
// is; those of an earlier group stay, and mean nothing while another is recorded. That another took over is written into the
// history: the new checkpoints begin below rows that are there already, so they no longer say what readers have seen, and
// comparisons from before do not count any more (G8).
func SetGroup(ctx context.Context, db Database, d *Declaration, group string) error {
	_, err := db.Exec(ctx, `
		WITH before AS (
			SELECT name, version, group_id FROM counterfoil.read_models
			WHERE name = $1 AND version = $2 AND group_id <> $3 FOR UPDATE
		), changed AS (
			UPDATE counterfoil.read_models m SET group_id = $3 FROM before b WHERE m.name = b.name AND m.version = b.version
		)
		INSERT INTO counterfoil.read_model_history (name, version, event, changed_by, details)
		SELECT name, version, $4, 'consumer-service', jsonb_build_object('from', group_id, 'to', $3::text) FROM before WHERE group_id <> ''`,
		d.Name, d.Version, group, EventGroup)
	return err
}

// Checkpoint is the next offset to apply of a partition.
type Checkpoint struct {
	Topic     string
	Partition int32
	Next      int64
	TopicID   *uuid.UUID // the identity of the topic that the offset belongs to; nil where it is not known
	ChangedAt time.Time
}

// Checkpoints returns the group's checkpoints by topic and partition.
func Checkpoints(ctx context.Context, db Database, group string) ([]Checkpoint, error) {
	rows, err := db.Query(ctx, `
		SELECT topic, partition, next_offset, topic_id, changed_at FROM counterfoil.checkpoints
		WHERE group_id = $1 ORDER BY topic, partition`, group)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Checkpoint])
}

// YAML returns the declaration as it is kept in the control tables. What is read back from it has the same fingerprint.
func (d *Declaration) YAML() (string, error) {
	// The library writes some texts, such as a default that is a tab, so that they are read back as others. Written as
	// JSON, which is YAML too, they stay what they are.
	for _, how := range [][]yaml.EncodeOption{nil, {yaml.JSON()}} {
		content, err := yaml.MarshalWithOptions(d, how...)
		if err != nil {
			return "", err
		}
		if kept, err := parse(d.Label(), content, nil); err == nil && kept.Fingerprint() == d.Fingerprint() {
			return string(content), nil
		}
	}
	return "", fmt.Errorf("%s cannot be kept as it is: its YAML is read back as another declaration", d.Label())
}
