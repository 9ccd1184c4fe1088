package apply

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// The fast check says what encoding/json says, and one pass finds what a path for each column finds.
func FuzzFound(f *testing.F) {
	for _, value := range []string{
		`{"a":1,"b":"two","c":{"d":[10,20]}}`, `{"a":null,"a":1}`, `{"\u0061":1,"b":"\u00e9\n"}`, ` { "b" : [ ] } `, `{"a":01}`,
		`{"a":"` + "\x01" + `"}`, `{"c":{"d":[1]},"c":2}`, `{"a":1}}`, `{"a":1,}`, `{"":1}`, `{"a":-0.5e+10,"b":"\ud800"}`, "{\"a\":\"\xff\"}",
		`{"c":{"d":{"1":5}}}`,
	} {
		f.Add([]byte(value))
	}
	columns := []readmodel.Column{{Name: "a", From: "$.a"}, {Name: "b", From: "$.b"}, {Name: "again", From: "$.a"}, {Name: "d", From: "$.c.d[1]"}}
	dec := newDecoder(&readmodel.Declaration{Columns: columns})
	f.Fuzz(func(t *testing.T, value []byte) {
		if valid(value) != json.Valid(value) {
			t.Fatalf("valid is %v, encoding/json says %v", valid(value), json.Valid(value))
		}
		if !valid(value) {
			return
		}
		parsed := gjson.ParseBytes(value)
		if !parsed.IsObject() {
			return
		}
		var want []string
		for _, path := range dec.paths {
			want = append(want, parsed.Get(path).Raw)
		}
		if got := dec.found(parsed, nil); !slices.Equal(got, want) {
			t.Fatalf("found %q, want %q", got, want)
		}
	})
}

// A value may be nested as deep as it likes, whatever its size.
func TestValid_DeepNestingIsRefusedAndNothingElseHappens(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{shallow / 2, shallow, 1 << 20} {
		value := append(bytes.Repeat([]byte("["), depth), bytes.Repeat([]byte("]"), depth)...)
		if got, want := valid(value), json.Valid(value); got != want {
			t.Errorf("%d levels: %v, encoding/json says %v", depth, got, want)
		}
	}
}

// A key that only looks like the field is not the field.
func TestQuoted_TellsTheKeyFromItsLookalikes(t *testing.T) {
	t.Parallel()
	for field, keys := range map[string]map[string]bool{
		`"abc"`:                {"abc": true, "ABC": false, "ab": false, `"abc"`: false, "": false},
		`"\n"`:                 {"\n": false, `\n`: false},
		"\"\xff\"":             {"\xff": false},
		"":                     {"": false},
		`{}`:                   {"": false},
		`""`:                   {"": true},
		`"` + "é" + `"`:        {"é": false},
		strings.Repeat("1", 5): {"111": false},
	} {
		for key, want := range keys {
			if got := quoted(field, []byte(key)); got != want {
				t.Errorf("field %q, key %q: %v, want %v", field, key, got, want)
			}
		}
	}
}

// BenchmarkRow measures how long it takes to make a row of a record.
func BenchmarkRow(b *testing.B) {
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		b.Fatal(err)
	}
	dec := newDecoder(declarations[0])
	const id = "7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"
	record := kafka.Record{Key: []byte(id), Value: []byte(`{"command_id":"` + id + `","event_timestamp":"2009-09-28T19:03:12.123456Z"}`), Timestamp: time.UnixMilli(1_700_000_000_000).UTC()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dec.row(record); err != nil {
			b.Fatal(err)
		}
	}
}
