package queryservice_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const (
	known       = "add1f52d-7c56-4c9f-b319-1a266c355f6b"
	parkedID    = "0197a1de-0000-7000-8000-000000000001"
	discardedID = "0197a1de-0000-7000-8000-000000000002"
	topic       = "timestamp.command.v1"
	group       = "test.timestamp.v1"
)

var (
	noon    = time.Date(2009, 9, 28, 12, 0, 0, 0, time.UTC)
	created = time.Date(2020, 8, 31, 15, 4, 5, 0, time.UTC)
)

// database is a test's database, changed as the consumer would.
type database struct {
	*pgtest.DB
	t           *testing.T
	declaration *readmodel.Declaration
}

// newDatabase makes a database in which the read model exists and a consumer began at offset 0 of partitions 0 and 1.
func newDatabase(t *testing.T) *database {
	t.Helper()
	db := &database{DB: pgtest.Database(t), t: t}
	db.create()
	return db
}

// create makes the read model as the consumer does when it starts.
func (db *database) create() {
	db.t.Helper()
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		db.t.Fatal(err)
	}
	db.declaration = declarations[0]
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		if err := postgres.Migrate(ctx, conn, quiet); err != nil {
			return err
		}
		return ensure(ctx, conn, db.declaration)
	})
	db.take(group)
	db.checkpoint(group, topic+"/0@0")
	db.checkpoint(group, topic+"/1@0")
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func ensure(ctx context.Context, conn *pgx.Conn, d *readmodel.Declaration) error {
	return readmodel.Ensure(ctx, conn, d, quiet)
}

// as runs statements over a connection of its own.
func (db *database) as(url string, run func(ctx context.Context, conn *pgx.Conn) error) {
	db.t.Helper()
	ctx := db.t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		db.t.Fatal(err)
	}
	defer conn.Close(ctx)
	if err := run(ctx, conn); err != nil {
		db.t.Fatal(err)
	}
}

func (db *database) exec(url, sql string, args ...any) {
	db.t.Helper()
	db.as(url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, args...)
		return err
	})
}

type row struct {
	id any
	at time.Time
}

// insert makes rows visible without telling anybody.
func (db *database) insert(rows ...row) {
	db.t.Helper()
	db.as(db.WriterURL, func(ctx context.Context, conn *pgx.Conn) error { return insertRows(ctx, conn, rows) })
}

// apply makes rows visible and notifies in the same transaction.
func (db *database) apply(rows ...row) {
	db.t.Helper()
	db.as(db.WriterURL, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := insertRows(ctx, tx.Conn(), rows); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `SELECT pg_notify($1, $2)`, readmodel.AppliedChannel, "timestamp/v1")
			return err
		})
	})
}

func insertRows(ctx context.Context, conn *pgx.Conn, rows []row) error {
	for _, r := range rows {
		_, err := conn.Exec(ctx, `INSERT INTO timestamp_v1.timestamp_records (id, event_timestamp, created_at) VALUES ($1, $2, $3)`,
			r.id, r.at, created)
		if err != nil {
			return err
		}
	}
	return nil
}

// checkpoint says that the group has applied the partition up to the position, which is the next to apply.
func (db *database) checkpoint(group, next string) {
	db.t.Helper()
	at := parsePosition(db.t, next)
	db.exec(db.WriterURL, `
		INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
		ON CONFLICT (group_id, topic, partition) DO UPDATE SET next_offset = excluded.next_offset`,
		group, at.Topic, at.Partition, at.Offset)
}

// take makes the group the one that applies records to the version.
func (db *database) take(group string) {
	db.t.Helper()
	db.as(db.OwnerURL, func(ctx context.Context, conn *pgx.Conn) error {
		return readmodel.SetGroup(ctx, conn, db.declaration, group)
	})
}

func (db *database) park(key, code, reason, where string) {
	db.t.Helper()
	db.setAside(key, "parked", code, reason, where)
}

// setAside adds a record that is parked, waiting or discarded.
func (db *database) setAside(key, state, code, reason, where string) {
	db.t.Helper()
	at := parsePosition(db.t, where)
	db.exec(db.WriterURL, `
		INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset", state, code, reason, correlation_id, key, headers, value)
		VALUES ('timestamp', 1, $1, $2, $3, $4, $5, $6, '', $7, '[]', '{}')`,
		at.Topic, at.Partition, at.Offset, state, code, reason, []byte(key))
}

func parsePosition(t *testing.T, text string) position.Position {
	t.Helper()
	at, err := position.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// recreate drops the database with the connections to it, and makes it anew and empty.
func (db *database) recreate() {
	db.t.Helper()
	maintenance, err := pgx.ParseConfig(db.SuperURL)
	if err != nil {
		db.t.Fatal(err)
	}
	maintenance.Database = "postgres"
	ctx := db.t.Context()
	conn, err := pgx.ConnectConfig(ctx, maintenance)
	if err != nil {
		db.t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"DROP DATABASE " + postgres.Identifier(db.Name) + " WITH (FORCE)",
		"CREATE DATABASE " + postgres.Identifier(db.Name) + " OWNER " + postgres.Identifier(postgres.OwnerRole),
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			db.t.Fatal(err)
		}
	}
}

// unreachable returns the URL of a server that hangs up on everybody.
func unreachable(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return "postgres://nobody@" + listener.Addr().String() + "/nothing?sslmode=disable"
}

func newID(t *testing.T) string {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}
