package readmodel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// The columns that a row which can change has beside the declared ones. They say from where it is, so that what is older
// never replaces it, in whatever order and however often records are applied, and that it was deleted. Within a partition
// of a source the offset decides. Between them the broker's time does, then the order of the sources, then the partition:
// offsets of two partitions say nothing about each other, and a key changes its partition when a topic gets more of them.
const (
	RowSource    = "_source"    // smallint: which of the declaration's sources, from 0
	RowPartition = "_partition" // integer
	RowOffset    = "_offset"    // bigint
	RowTime      = "_time"      // timestamptz: of the record
	RowDeleted   = "_deleted"   // boolean
)

// TableDDL returns the statements that create the version's schema and table, and its view where rows can change.
func (d *Declaration) TableDDL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s;\nCREATE TABLE %s (\n", postgres.Identifier(d.Schema()), d.storage())
	for _, c := range d.Columns {
		fmt.Fprintf(&b, "    %s %s", postgres.Identifier(c.Name), c.Type)
		switch {
		case c.Nullable:
		case d.OnNull == Delete && !slices.Contains(d.PrimaryKey, c.Name):
			fmt.Fprintf(&b, " CHECK (%s IS NOT NULL OR %s)", postgres.Identifier(c.Name), RowDeleted)
		default:
			b.WriteString(" NOT NULL")
		}
		b.WriteString(",\n")
	}
	if d.Write == Upsert {
		fmt.Fprintf(&b, "    %s smallint NOT NULL,\n    %s integer NOT NULL,\n    %s bigint NOT NULL,\n    %s timestamptz NOT NULL,\n    %s boolean NOT NULL,\n",
			RowSource, RowPartition, RowOffset, RowTime, RowDeleted)
	}
	fmt.Fprintf(&b, "    PRIMARY KEY (%s)\n);\n", identifiers(d.PrimaryKey))
	if d.Write == Upsert {
		fmt.Fprintf(&b, "CREATE VIEW %s AS SELECT %s FROM %s WHERE NOT %s;\n",
			postgres.Identifier(d.Schema(), d.Table), identifiers(d.ColumnNames()), d.storage(), RowDeleted)
	}
	return b.String()
}

// IndexDDL returns the statements that create the declared indexes where they are missing. Each has a name of its own, so
// that it can be done again after a crash.
func (d *Declaration) IndexDDL() string {
	var b strings.Builder
	for i, index := range d.Indexes {
		fmt.Fprintf(&b, "CREATE INDEX IF NOT EXISTS %s ON %s (%s);\n",
			postgres.Identifier(fmt.Sprintf("%s_index_%d", d.Storage(), i+1)), d.storage(), identifiers(index.Columns))
	}
	return b.String()
}

// ColumnNames returns the names of the columns in the order of the declaration.
func (d *Declaration) ColumnNames() []string {
	names := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		names[i] = c.Name
	}
	return names
}

func (d *Declaration) storage() string { return postgres.Identifier(d.Schema(), d.Storage()) }

func identifiers(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = postgres.Identifier(name)
	}
	return strings.Join(quoted, ", ")
}
