// Package readmodel is the contract of read models: their declarations, the schema that each version has, and the
// control tables that say which versions there are, which one serves, and how far each was applied.
//
// A declaration is a YAML file; everything that is known of a read model is in it, and no column of any model is named
// in code. The consumer creates and fills versions, the query-service reads them, the CLI plans, compares and switches them.
package readmodel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Declaration is what a file of readmodels/ says; docs/read-model.schema.json describes the format for editors.
type Declaration struct {
	Name       string   `yaml:"name"`
	Version    int      `yaml:"version,omitempty"` // of the version that an empty database begins with; 1 after Load where the file does not say
	Path       string   `yaml:"path,omitempty"`    // of its routes, such as /trips; a slash and the name where the file does not say
	Source     *Source  `yaml:"source,omitempty"`  // short for sources with one entry; empty after Load
	Sources    []Source `yaml:"sources,omitempty"`
	Key        string   `yaml:"key,omitempty"` // the column whose text is the record's key; "" where the key says nothing
	Table      string   `yaml:"table,omitempty"`
	Columns    []Column `yaml:"columns"`
	PrimaryKey []string `yaml:"primary_key"`
	Write      string   `yaml:"write"`             // Insert or Upsert
	OnNull     string   `yaml:"on_null,omitempty"` // what a null value does: Park, which "" means, or Delete
	Indexes    []Index  `yaml:"indexes,omitempty"`

	ExpectedDifferences []Expectation `yaml:"expected_differences,omitempty"` // from the version before, when they are compared
}

// What Write and OnNull can say.
const (
	Insert = "insert" // the first record of a primary key wins
	Upsert = "upsert" // the latest position of a primary key wins
	Park   = "park"   // a null value cannot apply
	Delete = "delete" // a null value removes the row that the record's key names
)

// Source is where the records come from.
type Source struct {
	Topic  string `yaml:"topic"`
	Format string `yaml:"format"`
}

// Column is a column, its type, and where its value comes from; see the From… constants.
type Column struct {
	Name     string  `yaml:"name"`
	Type     string  `yaml:"type"`
	From     string  `yaml:"from"`
	Nullable bool    `yaml:"nullable,omitempty"`
	Default  *string `yaml:"default,omitempty"` // stands in for what is missing or null
}

// Index is an index beside the primary key's.
type Index struct {
	Columns []string `yaml:"columns"`
}

// Expectation is a difference from the version before that is meant: of one column, or of rows that are in one only.
type Expectation struct {
	Column string `yaml:"column,omitempty"` // of the new version
	Rows   string `yaml:"rows,omitempty"`   // missing (from the new version) or added
	Reason string `yaml:"reason"`
}

// Schema returns the name of the PostgreSQL schema that holds the version's table.
func (d *Declaration) Schema() string { return fmt.Sprintf("%s_v%d", d.Name, d.Version) }

// Storage returns the name of the table that rows are written to. It is Table itself where the first record wins. Rows
// that can change are kept with their positions, and Table is a view of the declared columns of those that are not deleted.
func (d *Declaration) Storage() string {
	if d.Write == Upsert {
		return d.Table + "_state"
	}
	return d.Table
}

// Group returns the consumer group that applies records to this version: each version has its own, so that one that
// stands still does not hold another. A new base name begins a replay from offset 0.
func (d *Declaration) Group(base string) string {
	return fmt.Sprintf("%s.%s.v%d", base, d.Name, d.Version)
}

// Label returns the name of the version as clients see it.
func (d *Declaration) Label() string { return Label(d.Name, d.Version) }

// Numbered returns the declaration as that of another version.
func (d *Declaration) Numbered(version int) *Declaration {
	other := *d
	other.Version = version
	return &other
}

// Column returns the column of that name.
func (d *Declaration) Column(name string) (Column, bool) {
	i := slices.IndexFunc(d.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return d.Columns[i], true
}

// ColumnFrom returns the first column that comes from there, by which a column is known whatever a version calls it.
func (d *Declaration) ColumnFrom(from string) (Column, bool) {
	i := slices.IndexFunc(d.Columns, func(c Column) bool { return c.From == from })
	if i < 0 {
		return Column{}, false
	}
	return d.Columns[i], true
}

// Topics returns the names of the topics that the records come from.
func (d *Declaration) Topics() []string {
	topics := make([]string, len(d.Sources))
	for i, s := range d.Sources {
		topics[i] = s.Topic
	}
	return topics
}

// Fingerprint returns a hash of the shape that rows of this declaration have: table, columns with their types and
// sources, primary key, write rule and indexes. Equal fingerprints mean that the same records give the same rows.
func (d *Declaration) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "table %q key %q write %q primary %q\n", d.Table, d.Key, d.Write, d.PrimaryKey)
	for _, c := range d.Columns {
		fmt.Fprintf(h, "column %q %q %q\n", c.Name, c.Type, c.From)
		if c.Nullable {
			fmt.Fprintf(h, "nullable\n")
		}
		if c.Default != nil {
			fmt.Fprintf(h, "default %q\n", *c.Default)
		}
	}
	for _, i := range d.Indexes {
		fmt.Fprintf(h, "index %q\n", i.Columns)
	}
	if d.OnNull == Delete {
		fmt.Fprintf(h, "null deletes\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}

// complete fills in what a declaration may leave out.
func (d *Declaration) complete() {
	if d.Source != nil && d.Sources == nil {
		d.Sources, d.Source = []Source{*d.Source}, nil
	}
	if d.Version == 0 {
		d.Version = 1
	}
	if d.Path == "" {
		d.Path = "/" + d.Name
	}
	if d.Table == "" {
		d.Table = d.Name
	}
}

// errNoModels is returned where there is no declaration at all.
var errNoModels = errors.New("there is no *.yaml file; a consumer without a read model has nothing to do")
