package read

import "github.com/jackc/pgx/v5/pgtype"

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
