package apply_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
)

// everything has a column of every type and of every origin. %s is the write rule, and the key's type.
const everything = `
name: everything
source: {topic: all, format: json}
key: id
columns:
  - {name: id, type: "%s", from: $.id}
  - {name: word, type: text, from: "$.in.words[1]"}
  - {name: yes, type: bool, from: $.yes, nullable: true}
  - {name: small, type: int4, from: $.small, default: "-7"}
  - {name: large, type: int8, from: $.large}
  - {name: real, type: float8, from: $.real}
  - {name: money, type: "numeric(8,2)", from: $.money}
  - {name: exact, type: numeric, from: $.exact}
  - {name: who, type: uuid, from: $headers.who}
  - {name: at, type: timestamptz, from: $.at}
  - {name: day, type: date, from: $.day}
  - {name: doc, type: jsonb, from: $.doc}
  - {name: raw, type: bytea, from: $.raw}
  - {name: named, type: text, from: $key, nullable: true}
  - {name: written, type: timestamptz, from: $timestamp}
  - {name: topic, type: text, from: $topic}
  - {name: part, type: int4, from: $partition}
  - {name: at_offset, type: int8, from: $offset}
primary_key: [id]
write: %s
`

func TestApply_EveryTypeAndOriginIsKeptExactlyByCopyAndByInsert(t *testing.T) {
	t.Parallel()
	for _, write := range []string{"insert", "upsert"} {
		for _, many := range []int{3, 300} { // few are inserted, many copied
			t.Run(fmt.Sprint(write, many), func(t *testing.T) {
				t.Parallel()
				s := newStore(t, fmt.Sprintf(everything, "int4", write))
				records := make([]kafka.Record, many)
				for i := range records {
					records[i] = whole(i, fmt.Sprint(i), fmt.Sprint(i))
				}
				result := s.apply("g", records)
				if result.Applied != many || len(result.Parked) > 0 {
					t.Fatalf("applied %d of %d, parked %+v", result.Applied, many, result.Parked)
				}
				want := `(2,two,,-7,9007199254740993,0.1,12.50,1e-20,7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01,"2009-09-28 19:03:12.5+00",` +
					`2009-09-28,"{""a"": [1, null]}","\\x00ff",2,"2023-11-14 22:13:20+00",all,0,2`
				want = strings.Replace(want, "1e-20", "0.00000000000000000001", 1)
				if got := s.rows(); !strings.Contains(got, want) {
					t.Errorf("stored is\n%.600s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// whole returns a record with a value for every column.
func whole(offset int, key, id string) kafka.Record {
	return kafka.Record{
		Position: position.Position{Topic: "all", Offset: int64(offset)}, Timestamp: time.UnixMilli(1_700_000_000_000).UTC(), Key: []byte(key),
		Headers: []kafka.Header{{Key: "who", Value: []byte("7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01")}},
		Value: fmt.Appendf(nil, `{"id":%s,"in":{"words":["one","two"]},"yes":null,"large":9007199254740993,"real":0.1,"money":12.5,
			"exact":"1e-20","at":"2009-09-28T21:03:12.5+02:00","day":"2009-09-28","doc":{"a":[1,null]},"raw":"AP8="}`, id),
	}
}

func TestApply_AKeyNamesItsRowByValueNotByText(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ key, same, other string }{
		"numeric":      {"1.50", "1.5", "1.51"},
		"numeric(6,2)": {"1e1", "10.00", "100"},
		"timestamptz":  {"2020-01-01T00:00:00Z", `"2020-01-01T01:00:00+01:00"`, `"2020-01-01T00:00:01Z"`},
		"date":         {"2020-01-01", `"2020-01-01"`, `"2020-01-02"`},
		"bytea":        {"AP8=", `"AP8="`, `"AQ8="`},
		"bool":         {"true", "true", "false"},
		"int8":         {"7", `"7"`, "8"},
		"text":         {"a", `"a"`, `"A"`},
		"uuid":         {"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01", `"7F3C0C56-8D2A-4B8E-9C52-1F2B6F7B8A01"`, `"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a02"`},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, write := range []string{"insert", "upsert"} {
				s := newStore(t, fmt.Sprintf(everything, kind, write))
				result := s.apply("g", []kafka.Record{whole(0, c.key, c.same), whole(1, c.key, c.other)})
				if result.Applied != 1 || len(result.Parked) != 1 || result.Parked[0].Fault.Code != "key-mismatch" {
					t.Errorf("%s: applied %d", write, result.Applied)
					for _, p := range result.Parked {
						t.Errorf("parked %s: %v", p.Record.Position, p.Fault)
					}
				}
			}
		})
	}
}

// PostgreSQL has no place for these. A row with U+FFFD in their place would be a row of something that nobody sent.
func TestG5_WhatNoRowCanHoldIsParkedAsItIs(t *testing.T) {
	t.Parallel()
	const hold = `
name: hostile
source: {topic: all, format: json}
key: id
columns:
  - {name: id, type: text, from: $.id}
  - {name: doc, type: jsonb, from: $.doc, nullable: true}
  - {name: said, type: text, from: $headers.said, nullable: true}
primary_key: [id]
write: %s
`
	hostile := []kafka.Record{
		{Key: []byte("\xff"), Value: []byte("{\"id\":\"\xff\"}")},
		{Key: []byte("�"), Value: []byte("{\"id\":\"\xff\"}")},
		{Key: []byte("\xed\xa0\x80"), Value: []byte(`{"id":"\ud800"}`)},
		{Key: []byte("\xfe"), Value: []byte(`{"id":"�"}`)},
		{Value: []byte(`{"id":"\udc00\ud800"}`)},
		{Value: []byte(`{"id":"a\u0000"}`)},
		{Value: []byte(`{"id":"b","doc":["\udfff"]}`)},
		{Value: []byte(`{"id":"c","doc":{"\u0000":1}}`)},
		{Value: []byte("{\"id\":\"d\",\"doc\":\"\xe2\x82\"}")},
		{Value: []byte(`{"id":"e"}`), Headers: []kafka.Header{{Key: "said", Value: []byte("\xc0\x80")}}},
	}
	whole := []kafka.Record{
		{Key: []byte("�"), Value: []byte(`{"id":"\ufffd","doc":"�"}`)}, // which somebody sent
		{Key: []byte("😀"), Value: []byte(`{"id":"\ud83d\ude00","doc":["\ud83d\ude00","\\u0000"]}`)},
	}
	for _, write := range []string{"insert", "upsert"} {
		s := newStore(t, fmt.Sprintf(hold, write))
		records := slices.Concat(whole, hostile)
		for i := range records {
			records[i].Position = position.Position{Topic: "all", Offset: int64(i)}
			records[i].Timestamp = time.UnixMilli(1_700_000_000_000).UTC()
		}
		result := s.apply("g", records)
		if result.Applied != len(whole) {
			t.Errorf("%s: %d applied, want %d", write, result.Applied, len(whole))
		}
		for i, p := range result.Parked {
			if p.Fault.Code != fault.CodeImpossibleValue && p.Fault.Code != fault.CodeKeyMismatch {
				t.Errorf("%s: %q is parked for %v", write, p.Record.Value, p.Fault)
			}
			var value []byte
			err := s.owner.QueryRow(t.Context(), `SELECT value FROM counterfoil.parked WHERE "offset" = $1`, p.Record.Position.Offset).Scan(&value)
			if err != nil || !bytes.Equal(value, p.Record.Value) {
				t.Errorf("%s: record %d is parked as %q, %v, want %q", write, i, value, err, p.Record.Value)
			}
		}
		if len(result.Parked) != len(hostile) {
			t.Errorf("%s: %d parked, want %d; stored is %s", write, len(result.Parked), len(hostile), s.rows())
		}
	}
}
