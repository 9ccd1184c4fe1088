package apply

import (
	"fmt"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// canonical returns a text of a column's value that equal values of PostgreSQL have in common, and no others of the column.
func canonical(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case pgtype.UUID:
		return string(v.Bytes[:])
	case time.Time:
		return fmt.Sprint(v.UnixMicro())
	case pgtype.Date:
		return fmt.Sprint(v.Time.Unix())
	case pgtype.Numeric:
		return decimal(v)
	}
	return fmt.Sprint(value)
}

// decimal writes a number as its digits without trailing zeros and an exponent.
func decimal(n pgtype.Numeric) string {
	digits, exponent, ten := new(big.Int).Set(n.Int), n.Exp, big.NewInt(10)
	for digits.Sign() != 0 {
		quotient, remainder := new(big.Int).QuoRem(digits, ten, new(big.Int))
		if remainder.Sign() != 0 {
			break
		}
		digits, exponent = quotient, exponent+1
	}
	if digits.Sign() == 0 {
		return "0"
	}
	return fmt.Sprintf("%se%d", digits, exponent)
}
