package apply

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// copyRows copies rows none of which may be there yet.
func (a *Applier) copyRows(ctx context.Context, tx pgx.Tx, rows []item, result *Result) error {
	if len(rows) == 0 {
		return nil
	}
	distinct := rows
	if a.declaration.Write == readmodel.Upsert {
		distinct = a.newest(rows)
	}
	encoder, err := newCopyEncoder(tx.Conn().TypeMap(), a.columns, distinct)
	if err != nil {
		return err
	}
	if _, err := tx.Conn().PgConn().CopyFrom(ctx, encoder, a.copying); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	result.Applied += len(rows)
	return nil
}

// copyEncoder is a reader of rows in COPY's binary format (PostgreSQL documentation, COPY, "Binary Format"), which it makes
// as they are read.
type copyEncoder struct {
	types *pgtype.Map
	oids  []uint32 // of the columns
	rows  []item   // that are not encoded yet
	ended bool
	made  []byte
	read  int // of made
}

func newCopyEncoder(types *pgtype.Map, columns []readmodel.Column, rows []item) (*copyEncoder, error) {
	e := &copyEncoder{types: types, oids: make([]uint32, len(columns)), rows: rows, made: append(make([]byte, 0, copyChunk), copyHeader...)}
	for i, c := range columns {
		t, ok := types.TypeForName(c.TypeName())
		if !ok {
			return nil, fmt.Errorf("copy: no type %s", c.TypeName())
		}
		e.oids[i] = t.OID
	}
	return e, nil
}

const (
	copyChunk   = 48 << 10                                                         // bytes that are made at a time, or one row that is larger
	copyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00" // signature, flags, no extension
	copyTrailer = "\xff\xff"
)

// Read implements io.Reader.
func (e *copyEncoder) Read(into []byte) (int, error) {
	if e.read == len(e.made) {
		if e.ended {
			return 0, io.EOF
		}
		e.made, e.read = e.made[:0], 0
		if err := e.more(); err != nil {
			return 0, err
		}
	}
	n := copy(into, e.made[e.read:])
	e.read += n
	return n, nil
}

// more makes a chunk.
func (e *copyEncoder) more() error {
	for len(e.made) < copyChunk && len(e.rows) > 0 {
		if err := e.row(e.rows[0].values); err != nil {
			return fmt.Errorf("encode the row of %s: %w", e.rows[0].record.Position, err)
		}
		e.rows = e.rows[1:]
	}
	if len(e.rows) == 0 {
		e.made, e.ended = append(e.made, copyTrailer...), true
	}
	return nil
}

func (e *copyEncoder) row(values []any) error {
	e.made = binary.BigEndian.AppendUint16(e.made, uint16(len(values)))
	for i, value := range values {
		at := len(e.made)
		e.made = append(e.made, 0xff, 0xff, 0xff, 0xff) // its length; -1 says null
		switch v := value.(type) {
		case nil:
			continue
		case pgtype.UUID: // this and the next are what rows have most, and pgx takes several times as long to find out how
			e.made = append(e.made, v.Bytes[:]...)
		case time.Time:
			e.made = binary.BigEndian.AppendUint64(e.made, uint64(v.UnixMicro()-postgresEpoch))
		default:
			encoded, err := e.types.Encode(e.oids[i], pgtype.BinaryFormatCode, value, e.made)
			if err != nil {
				return err
			}
			e.made = encoded
		}
		binary.BigEndian.PutUint32(e.made[at:], uint32(len(e.made)-at-4))
	}
	return nil
}

// postgresEpoch is the instant from which PostgreSQL counts, in microseconds.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
