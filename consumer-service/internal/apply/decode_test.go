package apply

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func FuzzDecode(f *testing.F) {
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		f.Fatal(err)
	}
	dec := newDecoder(declarations[0])
	const id = "7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"
	f.Add([]byte(id), []byte(`{"command_id":"`+id+`","event_timestamp":"2009-09-28T19:03:12Z"}`), int64(1_700_000_000_000))
	f.Add([]byte("k"), []byte(`[[[[`), int64(-1))
	f.Fuzz(func(t *testing.T, key, value []byte, millis int64) {
		row, err := dec.row(kafka.Record{Key: key, Value: value, Timestamp: time.UnixMilli(millis).UTC()})
		if err != nil {
			if !fault.Is(err, fault.Unappliable) {
				t.Fatalf("%v is not a reason to park", err)
			}
			return
		}
		if _, ok := row[0].(pgtype.UUID); !ok || len(row) != 3 {
			t.Fatalf("the row is %v", row)
		}
		for _, at := range row[1:] {
			if at := at.(time.Time); !keepable(at) || at.Nanosecond()%1000 != 0 {
				t.Fatalf("%v cannot be kept", at)
			}
		}
	})
}
