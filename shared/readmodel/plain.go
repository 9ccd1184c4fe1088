package readmodel

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Plain returns what was scanned into a Target of the column as a bool, int32, int64, float64, string, []byte or time.Time, or nil for null.
// Decimals, UUIDs, dates and JSON are strings.
func (c Column) Plain(scanned any) any {
	switch v := scanned.(type) {
	case *pgtype.Text:
		return unlessNull(v.Valid, v.String)
	case *pgtype.Bool:
		return unlessNull(v.Valid, v.Bool)
	case *pgtype.Int4:
		return unlessNull(v.Valid, v.Int32)
	case *pgtype.Int8:
		return unlessNull(v.Valid, v.Int64)
	case *pgtype.Float8:
		return unlessNull(v.Valid, v.Float64)
	case *pgtype.UUID:
		return unlessNull(v.Valid, v.String())
	case *pgtype.Timestamptz:
		return unlessNull(v.Valid, v.Time)
	case *pgtype.Date:
		return unlessNull(v.Valid, v.Time.Format(time.DateOnly))
	case *pgtype.Numeric:
		return unlessNull(v.Valid, string(c.appendNumeric(nil, v)))
	case *[]byte:
		return unlessNull(*v != nil, *v)
	}
	return nil
}

func unlessNull[T any](valid bool, value T) any {
	if !valid {
		return nil
	}
	return value
}
