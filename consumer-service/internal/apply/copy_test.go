package apply

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestCopyEncoder_ReadsAreCutAnywhereAndRowsMayBeLargerThanOne(t *testing.T) {
	t.Parallel()
	columns := []readmodel.Column{{Type: "text"}, {Type: "uuid"}, {Type: "timestamptz"}}
	second := []any{nil, pgtype.UUID{Bytes: [16]byte{15: 7}, Valid: true}, time.Date(1999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)}
	read := func(through func(io.Reader) io.Reader) []byte {
		large := []any{strings.Repeat("x", 3*copyChunk), nil, nil}
		encoder, err := newCopyEncoder(pgtype.NewMap(), columns, []item{{values: large}, {values: second}})
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(through(encoder))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	whole := read(func(r io.Reader) io.Reader { return r })
	if cut := read(iotest.OneByteReader); !bytes.Equal(cut, whole) {
		t.Error("byte by byte it is something else")
	}
	want := "\x00\x03" + "\xff\xff\xff\xff" +
		"\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x00\x00\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff" + "\xff\xff"
	if end := string(whole[len(whole)-len(want):]); end != want {
		t.Errorf("the last row is %q, want %q", end, want)
	}
}
