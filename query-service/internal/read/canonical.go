package read

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// canonical returns a text that is the same for equal values of a primary key, and differs for others.
func canonical(values []any) string {
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
	default:
		return fmt.Sprint(v)
	}
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

// plain returns what was scanned into a target of a column that is not null in the form in which Column.ParseText returns values.
func plain(target any) any {
	switch v := target.(type) {
	case *pgtype.Text:
		return v.String
	case *pgtype.Bool:
		return v.Bool
	case *pgtype.Int4:
		return v.Int32
	case *pgtype.Int8:
		return v.Int64
	case *pgtype.Numeric:
		return *v
	case *pgtype.UUID:
		return *v
	case *pgtype.Timestamptz:
		return v.Time
	case *pgtype.Date:
		return *v
	case *[]byte:
		return *v
	}
	return target
}
