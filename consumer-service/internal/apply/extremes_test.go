package apply_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
)

// extremes are for each type the values at its edges, as JSON; each is one that PostgreSQL can keep.
var extremes = map[string][]string{
	"text":          {`""`, `" "`, `"\u0001\u001f\u007f"`, `"\\\t\n\r"`, `"\\N"`, `"\ud83d\ude00"`, `"{}"`, `"NULL"`, `"a,\"b\""`},
	"bool":          {"true", "false"},
	"int4":          {"0", "-1", "2147483647", "-2147483648"},
	"int8":          {"0", "-1", "9223372036854775807", `"-9223372036854775808"`},
	"float8":        {"0", "-0", "-0.0", "5e-324", "-1.7976931348623157e308", "0.1", "1e22", "123456789012345680"},
	"numeric":       {"0", "-0", "0.000", "1.50", "-10000", "99999999", "0.0001", "1e-9999", "-1e9999", `"123456789012345678901234567890.000000000000000000010"`, "1e4", "1.0e-5"},
	"numeric(20,4)": {"0", "-0", "0.0000", "1e15", "-9999999999999999.9999", "0.0001", "1.50000000"},
	"uuid":          {`"00000000-0000-0000-0000-000000000000"`, `"FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF"`},
	"timestamptz": {`"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999Z"`, `"1999-12-31T23:59:59.999999Z"`, `"2000-01-01T00:00:00Z"`,
		`"1969-12-31T23:59:59.000001+00:00"`, `"1883-11-18T12:03:57.5-23:59"`, `"2009-09-28T19:03:12.1000000Z"`},
	"date":  {`"0000-01-01"`, `"0001-01-01"`, `"9999-12-31"`, `"2000-02-29"`},
	"jsonb": {`""`, `{}`, `[]`, `[null,true,-0.0,1e-300,1E+300,12345678901234567890.10]`, `{"a":1,"a":2,"\u0001":" "}`, `"\\u0000"`, `{"b":{"a":[[[]]]}}`},
	"bytea": {`""`, `"AA=="`, `"XHgwMA=="`, `"//79/A=="`},
}

// What a COPY writes is what an INSERT of the same records writes, byte by byte: which one is taken depends on how many
// records come together, and no row may (G7).
func TestG7_ACopyWritesWhatAnInsertWrites(t *testing.T) {
	t.Parallel()
	const hold = `
name: extreme
source: {topic: all, format: json}
columns:
  - {name: n, type: int8, from: $offset}
  - {name: plain, type: "%[1]s", from: $.value}
  - {name: absent, type: "%[1]s", from: $.value, nullable: true}
  - {name: other, type: "%[1]s", from: $.other, nullable: true}
primary_key: [n]
write: %[2]s
`
	for kind, values := range extremes {
		for _, write := range []string{"insert", "upsert"} {
			t.Run(kind+" "+write, func(t *testing.T) {
				t.Parallel()
				records := make([]kafka.Record, 250)
				for i := range records {
					records[i] = kafka.Record{
						Position: position.Position{Topic: "all", Offset: int64(i)}, Timestamp: time.UnixMilli(1_700_000_000_000).UTC(),
						Value: fmt.Appendf(nil, `{"value":%s,"other":%s}`, values[i%len(values)], []string{values[0], "null"}[i%2]),
					}
				}
				s := newStore(t, fmt.Sprintf(hold, kind, write))
				var all [2]string
				for i, batch := range []int{len(records), 50} { // copied, then inserted
					s.empty()
					for from := 0; from < len(records); from += batch {
						if result := s.apply("g", records[from:from+batch]); result.Applied != batch || len(result.Parked) > 0 {
							t.Fatalf("%d of %d applied, parked %+v", result.Applied, batch, result.Parked)
						}
					}
					all[i] = s.rows()
				}
				if all[0] != all[1] {
					t.Errorf("copied\n%.1000s\ninserted\n%.1000s", all[0], all[1])
				}
			})
		}
	}
}
