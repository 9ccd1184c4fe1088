package readmodel

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Canonical returns a text of a key, whose values are what Column.ParseText returns. Keys have it in common where PostgreSQL
// holds them for equal, and only there.
func Canonical(values ...any) string {
	if len(values) == 1 {
		if id, ok := values[0].(pgtype.UUID); ok { // the most frequent, by far
			return string(id.Bytes[:])
		}
	}
	var b strings.Builder
	for _, value := range values {
		text := canonicalOne(value)
		b.WriteString(strconv.Itoa(len(text)))
		b.WriteByte(':')
		b.WriteString(text)
	}
	return b.String()
}

func canonicalOne(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case pgtype.UUID:
		return string(v.Bytes[:])
	case time.Time:
		return strconv.FormatInt(v.UnixMicro(), 10)
	case pgtype.Date:
		return v.Time.Format(time.DateOnly)
	case pgtype.Numeric:
		return canonicalNumber(v)
	}
	return fmt.Sprint(value)
}

// canonicalNumber writes 1, 1.0 and 1e0 alike.
func canonicalNumber(n pgtype.Numeric) string {
	if n.Int == nil || n.Int.Sign() == 0 {
		return "0"
	}
	all := n.Int.String()
	digits := strings.TrimRight(all, "0")
	return digits + "e" + strconv.Itoa(int(n.Exp)+len(all)-len(digits))
}
