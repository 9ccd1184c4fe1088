package readmodel

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/counterfoil/counterfoil/shared/command"
)

// kind is the type of a column. A value is nil for null, or what parse returns, which is what pgx sends.
type kind struct {
	name             string // without precision and scale
	precision, scale int    // of numeric; 0 where they are not limited
	scalar           bool   // a JSON number or boolean may stand for it, not only a string
	parse            func(text string) (any, error)
	array            func(values []any, nullable bool) any
	target           func() any                          // what pgx scans into
	json             func(dst []byte, target any) []byte // what was scanned, not null, as JSON; nil for numeric
}

// kinds are the types that a column can have, by name.
var kinds = map[string]*kind{
	"text":        {name: "text", parse: parseText, array: arrayOf[string], target: target[pgtype.Text], json: textJSON},
	"bool":        {name: "bool", scalar: true, parse: parseBool, array: arrayOf[bool], target: target[pgtype.Bool], json: marshalled},
	"int4":        {name: "int4", scalar: true, parse: parseInt4, array: arrayOf[int32], target: target[pgtype.Int4], json: marshalled},
	"int8":        {name: "int8", scalar: true, parse: parseInt8, array: arrayOf[int64], target: target[pgtype.Int8], json: marshalled},
	"float8":      {name: "float8", scalar: true, parse: parseFloat8, array: arrayOf[float64], target: target[pgtype.Float8], json: marshalled},
	"numeric":     {name: "numeric", scalar: true, parse: parseNumeric, array: arrayOf[pgtype.Numeric], target: target[pgtype.Numeric]},
	"uuid":        {name: "uuid", parse: parseUUID, array: arrayOf[pgtype.UUID], target: target[pgtype.UUID], json: marshalled},
	"timestamptz": {name: "timestamptz", parse: parseTimestamp, array: arrayOf[time.Time], target: target[pgtype.Timestamptz], json: timestampJSON},
	"date":        {name: "date", parse: parseDate, array: arrayOf[pgtype.Date], target: target[pgtype.Date], json: dateJSON},
	"jsonb":       {name: "jsonb", parse: parseJSON, array: arrayOf[string], target: target[pgtype.Text], json: rawJSON},
	"bytea":       {name: "bytea", parse: parseBytes, array: arrayOf[[]byte], target: target[[]byte], json: bytesJSON},
}

// typeNames lists the types for messages.
const typeNames = "text, bool, int4, int8, float8, numeric, numeric(precision,scale), uuid, timestamptz, date, jsonb, bytea"

var numericType = regexp.MustCompile(`^numeric\(([0-9]{1,4}),([0-9]{1,4})\)$`)

func (c Column) kind() (*kind, error) {
	if k, ok := kinds[c.Type]; ok {
		return k, nil
	}
	if m := numericType.FindStringSubmatch(c.Type); m != nil {
		k := new(*kinds["numeric"])
		k.precision, _ = strconv.Atoi(m[1])
		k.scale, _ = strconv.Atoi(m[2])
		if k.precision < 1 || k.precision > 1000 || k.scale > k.precision {
			return nil, fmt.Errorf("is %q; the precision goes from 1 to 1000, and the scale to the precision", c.Type)
		}
		return k, nil
	}
	return nil, fmt.Errorf("is %q; it can be %s", c.Type, typeNames)
}

// TypeName returns the name of the column's type without precision and scale, such as numeric.
func (c Column) TypeName() string {
	name, _, _ := strings.Cut(c.Type, "(")
	return name
}

// ParseText returns the value that the text stands for, ready for pgx and for Array. It is how keys, headers, addresses
// and the strings of JSON are read. The error completes a sentence that begins with the field's name.
func (c Column) ParseText(text string) (any, error) {
	k, err := c.kind()
	if err != nil {
		return nil, err
	}
	return k.read(text)
}

// read parses the text and checks it against the limits of the type.
func (k *kind) read(text string) (any, error) {
	value, err := k.parse(text)
	if n, ok := value.(pgtype.Numeric); ok && err == nil {
		err = k.limits(n)
	}
	return value, err
}

// ParseJSON returns the value that a JSON value stands for, given as its source text, which must be valid. Null is an
// error: whoever calls knows whether the column is nullable. The error completes a sentence that begins with the field's name.
func (c Column) ParseJSON(raw string) (any, error) {
	k, err := c.kind()
	switch {
	case err != nil:
		return nil, err
	case k.name == "jsonb":
		return parseJSON(raw)
	case raw[0] == '"':
		text, err := unquote(raw)
		if err != nil {
			return nil, err
		}
		if k.scalar && k.name != "int8" && k.name != "numeric" {
			return nil, fmt.Errorf("is a string, not a %s", k.name)
		}
		return k.read(text)
	case !k.scalar:
		return nil, errors.New("is not a string")
	case raw[0] == '{' || raw[0] == '[' || raw == "null":
		return nil, fmt.Errorf("is not a %s", k.name)
	}
	return k.read(raw)
}

// unquote returns the string that a JSON string stands for. Where it has neither escapes nor anything but ASCII, which is
// how most are, that is what stands between its quotes, and nothing has to be copied.
func unquote(raw string) (string, error) {
	if len(raw) >= 2 && raw[len(raw)-1] == '"' {
		if inner := raw[1 : len(raw)-1]; plain(inner) {
			return inner, nil
		}
	}
	if !exact(raw) {
		return "", errUnkeepable
	}
	var text string
	if err := json.Unmarshal([]byte(raw), &text); err != nil {
		return "", errors.New("is not a string")
	}
	return text, nil
}

// plain reports whether the text is the same inside a JSON string as outside: printable ASCII without quote and backslash.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

// Array returns the values, of which nil is null, as one parameter for unnest($n::type[]).
func (c Column) Array(values []any) any {
	k, _ := c.kind()
	return k.array(values, c.Nullable)
}

// Target returns a new target of the column's type for pgx to scan Select into; it can hold null.
func (c Column) Target() any {
	k, _ := c.kind()
	return k.target()
}

// AppendJSON appends what was scanned into a Target as JSON: numbers as numbers with all their digits, timestamps by
// RFC 3339 in UTC, dates as YYYY-MM-DD, bytes in base64.
func (c Column) AppendJSON(dst []byte, scanned any) []byte {
	if isNull(scanned) {
		return append(dst, "null"...)
	}
	if n, ok := scanned.(*pgtype.Numeric); ok {
		return c.appendNumeric(dst, n)
	}
	k, _ := c.kind()
	return k.json(dst, scanned)
}

func isNull(scanned any) bool {
	switch v := scanned.(type) {
	case *pgtype.Text:
		return !v.Valid
	case *pgtype.Bool:
		return !v.Valid
	case *pgtype.Int4:
		return !v.Valid
	case *pgtype.Int8:
		return !v.Valid
	case *pgtype.Float8:
		return !v.Valid
	case *pgtype.Numeric:
		return !v.Valid
	case *pgtype.UUID:
		return !v.Valid
	case *pgtype.Timestamptz:
		return !v.Valid
	case *pgtype.Date:
		return !v.Valid
	case *[]byte:
		return *v == nil
	}
	return false
}

func target[T any]() any { return new(T) }

func arrayOf[T any](values []any, nullable bool) any {
	if !nullable {
		typed := make([]T, len(values))
		for i, v := range values {
			typed[i] = v.(T)
		}
		return typed
	}
	typed := make([]*T, len(values))
	for i, v := range values {
		if v != nil {
			typed[i] = new(v.(T))
		}
	}
	return typed
}

func parseText(text string) (any, error) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil, errUnkeepable
	}
	return text, nil
}

func parseBool(text string) (any, error) {
	if text != "true" && text != "false" {
		return nil, errors.New("is not true or false")
	}
	return text == "true", nil
}

func parseInt4(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || text[0] == '+' {
		return nil, fmt.Errorf("is not a whole number from %d to %d", math.MinInt32, math.MaxInt32)
	}
	return int32(n), nil
}

func parseInt8(text string) (any, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' {
		return nil, fmt.Errorf("is not a whole number from %d to %d", math.MinInt64, math.MaxInt64)
	}
	return n, nil
}

// number is a number as JSON writes it (RFC 8259, section 6).
var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$`)

func parseFloat8(text string) (any, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !number.MatchString(text) {
		return nil, errors.New("is not a number that fits in 64 bits")
	}
	return n, nil
}

func parseNumeric(text string) (any, error) {
	var n pgtype.Numeric
	digits, exponent, _ := strings.Cut(strings.ToLower(text), "e") // which pgx does not read
	if len(text) > 1000 || !number.MatchString(text) || n.Scan(digits) != nil {
		return nil, errors.New("is not a decimal number")
	}
	if exponent != "" {
		shift, err := strconv.Atoi(exponent)
		if err != nil {
			return nil, errors.New("is not a decimal number")
		}
		n.Exp += int32(shift)
	}
	return n, nil
}

// limits reports whether the number fits without being rounded, which PostgreSQL would do silently.
func (k *kind) limits(n pgtype.Numeric) error {
	if k.precision == 0 || n.Int.Sign() == 0 {
		return nil
	}
	all := strings.TrimPrefix(n.Int.String(), "-")
	digits := strings.TrimRight(all, "0")
	exponent := int(n.Exp) + len(all) - len(digits)
	switch {
	case -exponent > k.scale:
		return fmt.Errorf("has more than %d digits behind the point", k.scale)
	case len(digits)+exponent > k.precision-k.scale:
		return fmt.Errorf("has more than %d digits before the point", k.precision-k.scale)
	}
	return nil
}

func parseUUID(text string) (any, error) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return nil, errors.New("is not a UUID")
	}
	return pgtype.UUID{Bytes: id, Valid: true}, nil
}

// needless are zeros of a fraction behind its sixth digit, which some write always.
var needless = regexp.MustCompile(`(\.[0-9]{6})0+([Zz+-])`)

func parseTimestamp(text string) (any, error) {
	at, err := command.ParseTimestamp(text)
	if err != nil && len(text) <= 40 {
		at, err = command.ParseTimestamp(needless.ReplaceAllString(text, "$1$2"))
	}
	if err != nil {
		return nil, errors.New("is not an RFC 3339 timestamp with an offset, at most microseconds and a year from 0000 to 9999")
	}
	return at, nil
}

func parseDate(text string) (any, error) {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, errors.New("is not a date like 2009-09-28")
	}
	return pgtype.Date{Time: at, Valid: true}, nil
}

// parseJSON reads JSON that PostgreSQL can keep.
func parseJSON(text string) (any, error) {
	switch {
	case !json.Valid([]byte(text)):
		return nil, errors.New("is not JSON")
	case !exact(text):
		return nil, errUnkeepable
	}
	return text, nil
}

func parseBytes(text string) (any, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("is not base64 (RFC 4648, section 4)")
	}
	return b, nil
}

func marshalled(dst []byte, scanned any) []byte {
	b, err := json.Marshal(scanned)
	if err != nil { // NaN and infinity, which no record can bring
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

// appendNumeric appends a number with as many digits behind the point as PostgreSQL holds. Where it is nought pgx forgets
// them; those that the column declares are known.
func (c Column) appendNumeric(dst []byte, n *pgtype.Numeric) []byte {
	if k, _ := c.kind(); k.scale > 0 && n.Int != nil && n.Int.Sign() == 0 {
		return fmt.Appendf(dst, "%.*f", k.scale, 0.0)
	}
	return marshalled(dst, n)
}

func textJSON(dst []byte, scanned any) []byte {
	b, _ := json.Marshal(scanned.(*pgtype.Text).String)
	return append(dst, b...)
}

func rawJSON(dst []byte, scanned any) []byte { return append(dst, scanned.(*pgtype.Text).String...) }

func timestampJSON(dst []byte, scanned any) []byte {
	return fmt.Appendf(dst, "%q", command.FormatTimestamp(scanned.(*pgtype.Timestamptz).Time))
}

func dateJSON(dst []byte, scanned any) []byte {
	return fmt.Appendf(dst, "%q", scanned.(*pgtype.Date).Time.Format(time.DateOnly))
}

func bytesJSON(dst []byte, scanned any) []byte {
	return fmt.Appendf(dst, "%q", base64.StdEncoding.EncodeToString(*scanned.(*[]byte)))
}
