package readmodel_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// column returns a column of the type.
func column(kind string) readmodel.Column {
	return readmodel.Column{Name: "c", Type: kind, From: "$.c"}
}

// read takes a JSON value to PostgreSQL's binary format and back to JSON, as applying and querying do.
func read(kind, raw string) (string, error) {
	c := column(kind)
	value, err := c.ParseJSON(raw)
	if err != nil {
		return "", err
	}
	if value == nil {
		return "", fmt.Errorf("%s of %s is nothing, and no error", raw, kind)
	}
	oids := map[string]uint32{
		"text": pgtype.TextOID, "bool": pgtype.BoolOID, "int4": pgtype.Int4OID, "int8": pgtype.Int8OID, "float8": pgtype.Float8OID,
		"numeric": pgtype.NumericOID, "uuid": pgtype.UUIDOID, "timestamptz": pgtype.TimestamptzOID, "date": pgtype.DateOID,
		"jsonb": pgtype.TextOID, "bytea": pgtype.ByteaOID,
	}
	types, target := pgtype.NewMap(), c.Target()
	wire, err := types.Encode(oids[c.TypeName()], pgtype.BinaryFormatCode, value, []byte{})
	if err != nil {
		return "", fmt.Errorf("PostgreSQL would not take %v: %w", value, err)
	}
	if err := types.Scan(oids[c.TypeName()], pgtype.BinaryFormatCode, wire, target); err != nil {
		return "", fmt.Errorf("PostgreSQL's answer cannot be read: %w", err)
	}
	answer := string(c.AppendJSON(nil, target))
	if plain := c.Plain(target); c.TypeName() == "numeric" && plain != answer {
		return "", fmt.Errorf("it is %s as JSON and %s otherwise", answer, plain)
	}
	return answer, nil
}

func TestTypes_TakeWhatTheyCanKeepAndNothingElse(t *testing.T) {
	t.Parallel()
	const ( // of the messages
		int4s = "whole number from -2147483648"
		int8s = "whole number from -9223372036854775808"
		times = "RFC 3339"
	)
	for _, c := range []struct{ kind, raw, want, fault string }{
		{"text", `"a\u00e4\n"`, `"aä\n"`, ""},
		{"text", `""`, `""`, ""},
		{"text", `"\u0000"`, "", "NUL"},
		{"text", `"\ud83d\ude00 \\ud800 \ufffd �"`, `"😀 \\ud800 � �"`, ""},
		{"text", `"\ud800"`, "", "surrogate"},
		{"text", `"\udc00"`, "", "surrogate"},
		{"text", `"\udc00\ud800"`, "", "surrogate"},
		{"text", `"\ud800x\udc00"`, "", "surrogate"},
		{"text", `"\ud800\ud800\udc00"`, "", "surrogate"},
		{"text", `"\ud800\\\udc00"`, "", "surrogate"},
		{"text", `"\\\ud800"`, "", "surrogate"},
		{"text", "\"\xff\"", "", "broken UTF-8"},
		{"text", "\"\xed\xa0\x80\"", "", "broken UTF-8"},
		{"text", "\"a\xe2\x82\"", "", "broken UTF-8"},
		{"text", `1`, "", "is not a string"},
		{"text", `{}`, "", "is not a string"},
		{"bool", `true`, `true`, ""},
		{"bool", `"true"`, "", "is a string, not a bool"},
		{"bool", `0`, "", "not true or false"},
		{"bool", `null`, "", "is not a bool"},
		{"int4", `-2147483648`, `-2147483648`, ""},
		{"int4", `2147483647`, `2147483647`, ""},
		{"int4", `2147483648`, "", int4s},
		{"int4", `1.0`, "", int4s},
		{"int4", `1e3`, "", int4s},
		{"int4", `"1"`, "", "is a string"},
		{"int4", `[1]`, "", "is not a int4"},
		{"int8", `9223372036854775807`, `9223372036854775807`, ""},
		{"int8", `"9223372036854775807"`, `9223372036854775807`, ""},
		{"int8", `9223372036854775808`, "", int8s},
		{"int8", `"+1"`, "", int8s},
		{"int8", `""`, "", int8s},
		{"float8", `0.1`, `0.1`, ""},
		{"float8", `1.7976931348623157e308`, `1.7976931348623157e+308`, ""},
		{"float8", `1e309`, "", "fits in 64 bits"},
		{"float8", `"NaN"`, "", "is a string"},
		{"numeric", `123456789012345678901234567890.123456789`, `123456789012345678901234567890.123456789`, ""},
		{"numeric", `"0.10"`, `0.10`, ""},
		{"numeric", `"NaN"`, "", "not a decimal number"},
		{"numeric", `"Infinity"`, "", "not a decimal number"},
		{"numeric", `"0x10"`, "", "not a decimal number"},
		{"numeric", `1e99999`, "", "not a decimal number"},
		{"numeric(4,2)", `99.99`, `99.99`, ""},
		{"numeric(4,2)", `99.9900`, `99.9900`, ""},
		{"numeric(4,2)", `0`, `0.00`, ""},
		{"numeric(4,2)", `-0.0`, `0.00`, ""},
		{"numeric(4,0)", `0`, `0`, ""},
		{"numeric(4,2)", `99.999`, "", "more than 2 digits behind the point"},
		{"numeric(4,2)", `100`, "", "more than 2 digits before the point"},
		{"numeric(4,2)", `1e2`, "", "before the point"},
		{"numeric(4,2)", `-99.99`, `-99.99`, ""},
		{"numeric(2,2)", `0.99`, `0.99`, ""},
		{"numeric(2,2)", `1`, "", "more than 0 digits before the point"},
		{"uuid", `"7F3C0C56-8D2A-4B8E-9C52-1F2B6F7B8A01"`, `"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"`, ""},
		{"uuid", `"{7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01}"`, "", "not a UUID"},
		{"uuid", `"7f3c0c568d2a4b8e9c521f2b6f7b8a01"`, "", "not a UUID"},
		{"timestamptz", `"2024-02-29T23:59:59.123456+01:00"`, `"2024-02-29T22:59:59.123456Z"`, ""},
		{"timestamptz", `"2024-02-29T23:59:59.123456000Z"`, `"2024-02-29T23:59:59.123456Z"`, ""},
		{"timestamptz", `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`, ""},
		{"timestamptz", `"9999-12-31T23:59:59.999999Z"`, `"9999-12-31T23:59:59.999999Z"`, ""},
		{"timestamptz", `"2023-02-29T00:00:00Z"`, "", times},
		{"timestamptz", `"2024-01-01T00:00:00"`, "", times},
		{"timestamptz", `"2024-01-01T00:00:00.1234567Z"`, "", times},
		{"timestamptz", `"infinity"`, "", times},
		{"timestamptz", `1700000000`, "", "is not a string"},
		{"date", `"2024-02-29"`, `"2024-02-29"`, ""},
		{"date", `"0001-01-01"`, `"0001-01-01"`, ""},
		{"date", `"2023-02-29"`, "", "date like"},
		{"date", `"2024-2-9"`, "", "date like"},
		{"date", `"2024-02-29T00:00:00Z"`, "", "date like"},
		{"jsonb", `{"a": [1, null]}`, `{"a": [1, null]}`, ""},
		{"jsonb", `null`, `null`, ""},
		{"jsonb", `"text"`, `"text"`, ""},
		{"jsonb", `["\ud83d\ude00","\\u0000"]`, `["\ud83d\ude00","\\u0000"]`, ""},
		{"jsonb", `{"a":["\u0000"]}`, "", "NUL"},
		{"jsonb", `{"\uDBFF":1}`, "", "surrogate"},
		{"jsonb", "[\"\xc0\xaf\"]", "", "broken UTF-8"},
		{"uuid", `"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a\ud800"`, "", "surrogate"},
		{"bytea", `"AP8="`, `"AP8="`, ""},
		{"bytea", `""`, `""`, ""},
		{"bytea", `"AP8"`, "", "base64"},
		{"bytea", `"_-8="`, "", "base64"},
	} {
		got, err := read(c.kind, c.raw)
		switch {
		case c.fault == "" && (err != nil || got != c.want):
			t.Errorf("%s %s: got %s, %v; want %s", c.kind, c.raw, got, err, c.want)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s %s: got %s, %v; want one that says %q", c.kind, c.raw, got, err, c.fault)
		}
	}
}

// What was long is not repeated in a message.
func TestTypes_MessagesAreShortWhateverTheValueIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("9", 1<<20)
	for _, kind := range []string{"bool", "int4", "int8", "float8", "numeric", "numeric(4,2)", "uuid", "timestamptz", "date", "bytea"} {
		for _, raw := range []string{long, `"` + long + `"`, `"` + strings.Repeat("1", 1000) + `"`} {
			if _, err := read(kind, raw); err == nil && kind != "bytea" && kind != "numeric" {
				t.Errorf("%s takes %d digits", kind, len(raw))
			} else if err != nil && len(err.Error()) > 200 {
				t.Errorf("%s says %d bytes", kind, len(err.Error()))
			}
		}
	}
}

func TestTypes_NullIsNullInEveryType(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		c := column(kind)
		target := c.Target()
		if err := pgtype.NewMap().Scan(pgtype.TextOID, pgtype.TextFormatCode, nil, target); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if got := string(c.AppendJSON(nil, target)); got != "null" {
			t.Errorf("null of %s is %s", kind, got)
		}
		nullable := readmodel.Column{Name: "c", Type: kind, From: "$.c", Nullable: true}
		if encoded, err := json.Marshal(nullable.Array([]any{nil})); err != nil || string(encoded) != "[null]" {
			t.Errorf("an array of null of %s is %s, %v", kind, encoded, err)
		}
	}
}

var kinds = []string{"text", "bool", "int4", "int8", "float8", "numeric", "numeric(9,3)", "uuid", "timestamptz", "date", "jsonb", "bytea"}

// Whatever a record holds is refused, or is something that PostgreSQL keeps and gives back as the same value.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`null`, `true`, `-0`, `-0.0`, `1e400`, `0.1e-5`, `1E+0004`, `""`, `"\ud800"`, `"\u0000"`, `"2024-02-29T23:59:60Z"`, `"2024-12-31T23:59:59.9999999-23:59"`,
		`"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"`, `"9999-12-31"`, `"AP8="`, `{"a":"\u0000"}`, `[[[]]]`, `123456789.123`, `"1e-9999"`, "\"\xff\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		raw = strings.TrimSpace(raw)
		if !json.Valid([]byte(raw)) {
			return // the decoder never gives such
		}
		for _, kind := range kinds {
			once, err := read(kind, raw)
			if err != nil {
				if strings.Contains(err.Error(), "PostgreSQL's") || strings.Contains(err.Error(), "would not take") || strings.Contains(err.Error(), "no error") {
					t.Errorf("%s %q: %v", kind, raw, err)
				}
				continue
			}
			const replaced = "\uFFFD"
			if sent := strings.Count(raw, replaced) + strings.Count(strings.ToLower(raw), `\ufffd`); strings.Count(once, replaced) > sent {
				t.Errorf("%s %q is answered as %q: something else was put in", kind, raw, once)
			}
			if !json.Valid([]byte(once)) {
				t.Errorf("%s %q is answered as %q, which is no JSON", kind, raw, once)
				continue
			}
			if len(once) > 1000 {
				continue // as a number it would be longer than what is read
			}
			if twice, err := read(kind, once); err != nil || twice != once {
				t.Errorf("%s %q is answered as %q, and that as %q, %v", kind, raw, once, twice, err)
			}
		}
	})
}
