package readmodel

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// numberFields gives each column of the version its number in the messages of gRPC. A column of the same name and type has
// the same number in all versions of a model; a number is never used for anything else (protobuf language guide, "Assigning
// field numbers").
func numberFields(ctx context.Context, tx pgx.Tx, d *Declaration) error {
	for _, c := range d.Columns {
		_, err := tx.Exec(ctx, `
			INSERT INTO counterfoil.read_model_fields (name, field, type, number)
			SELECT $1, $2, $3, coalesce(max(number), 0) + 1 FROM counterfoil.read_model_fields WHERE name = $1
			ON CONFLICT (name, field, type) DO NOTHING`, d.Name, c.Name, c.TypeName())
		if err != nil {
			return err
		}
	}
	return nil
}

// Fields returns the numbers of the version's columns, by their names.
func Fields(ctx context.Context, db Database, d *Declaration) (map[string]int32, error) {
	rows, err := db.Query(ctx, `SELECT field, type, number FROM counterfoil.read_model_fields WHERE name = $1`, d.Name)
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]int32, len(d.Columns))
	var field, kind string
	var number int32
	_, err = pgx.ForEachRow(rows, []any{&field, &kind, &number}, func() error {
		if c, ok := d.Column(field); ok && c.TypeName() == kind {
			numbers[field] = number
		}
		return nil
	})
	return numbers, err
}
