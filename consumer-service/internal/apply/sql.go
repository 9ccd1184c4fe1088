package apply

import (
	"fmt"
	"strings"

	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// insertSQL returns the statement that writes rows given as an array for each column; the first row of a key wins, unless
// rows can change.
func insertSQL(d *readmodel.Declaration) string {
	if d.Write == readmodel.Upsert {
		return upsertSQL(d)
	}
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT * FROM %s ON CONFLICT DO NOTHING`,
		table(d), names("", columnNames(d)), unnest(d))
}

// copySQL returns the statement that copies rows in binary form.
func copySQL(d *readmodel.Declaration) string {
	return fmt.Sprintf(`COPY %s (%s) FROM STDIN (FORMAT binary)`, table(d), names("", columnNames(d)))
}

// comparingSQL returns the query that counts the arrays' rows whose primary key is there, and those of them whose payload,
// which is what comes from the record's value, is another; "" where rows can change or have no payload.
func comparingSQL(d *readmodel.Declaration) string {
	if d.Write == readmodel.Upsert {
		return ""
	}
	var payload []string
	for _, c := range d.Columns {
		if c.Path() != nil {
			payload = append(payload, c.Name)
		}
	}
	if len(payload) == 0 {
		return ""
	}
	var same []string
	for _, column := range d.PrimaryKey {
		same = append(same, "kept."+postgres.Identifier(column)+" = given."+postgres.Identifier(column))
	}
	// OFFSET 0 keeps PostgreSQL from joining otherwise than by one look-up for each row: for a batch of thousands it would
	// read the whole table, up to a million rows.
	return fmt.Sprintf(`SELECT count(*), count(*) FILTER (WHERE (%s) IS DISTINCT FROM (%s)) FROM %s AS given (%s)
		CROSS JOIN LATERAL (SELECT * FROM %s AS kept WHERE %s OFFSET 0) AS kept`,
		names("given.", payload), names("kept.", payload), unnest(d), names("", columnNames(d)), table(d), strings.Join(same, " AND "))
}

func table(d *readmodel.Declaration) string { return postgres.Identifier(d.Schema(), d.Storage()) }

func columnNames(d *readmodel.Declaration) []string {
	var all []string
	for _, c := range stored(d) {
		all = append(all, c.Name)
	}
	return all
}

func unnest(d *readmodel.Declaration) string {
	var arrays []string
	for i, c := range stored(d) {
		arrays = append(arrays, fmt.Sprintf("$%d::%s[]", i+1, c.Type))
	}
	return "unnest(" + strings.Join(arrays, ", ") + ")"
}

func names(prefix string, columns []string) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = prefix + postgres.Identifier(c)
	}
	return strings.Join(quoted, ", ")
}
