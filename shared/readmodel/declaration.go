// Package readmodel is the contract of read models: their declarations, the schema that each version has, and the
// control tables that say which versions there are, which one serves, and how far each was applied.
//
// A declaration is a YAML file; everything that is known of a read model is in it, and no column of any model is named
// in code. The consumer creates and fills versions, the query-service reads them, the CLI shows them.
package readmodel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Declaration is what a file of readmodels/ says.
type Declaration struct {
	Name       string   `yaml:"name"`
	Version    int      `yaml:"version"`
	Source     Source   `yaml:"source"`
	Key        string   `yaml:"key"`
	Table      string   `yaml:"table"`
	Columns    []Column `yaml:"columns"`
	PrimaryKey []string `yaml:"primary_key"`
	Write      string   `yaml:"write"`
	Indexes    []Index  `yaml:"indexes"`
}

// Source is where the records come from.
type Source struct {
	Topic  string `yaml:"topic"`
	Format string `yaml:"format"`
}

// Column is a column and where its value comes from: $.a.b (a path into the record's JSON value) or $timestamp (the
// record's timestamp in Kafka).
type Column struct {
	Name string `yaml:"name"`
	Type string `yaml:"type"`
	From string `yaml:"from"`
}

// Index is an index beside the primary key's.
type Index struct {
	Columns []string `yaml:"columns"`
}

// FromTimestamp is the source of a column that holds the record's timestamp in Kafka (G7).
const FromTimestamp = "$timestamp"

// Path returns the names that lead to the column's value in the record's JSON, or nil where it comes from elsewhere.
func (c Column) Path() []string {
	path, ok := strings.CutPrefix(c.From, "$.")
	if !ok {
		return nil
	}
	return strings.Split(path, ".")
}

// Schema returns the name of the PostgreSQL schema that holds the version's table.
func (d *Declaration) Schema() string { return fmt.Sprintf("%s_v%d", d.Name, d.Version) }

// Group returns the consumer group that applies records to this version: each version has its own, so that one that
// stands still does not hold another. A new base name begins a replay from offset 0.
func (d *Declaration) Group(base string) string {
	return fmt.Sprintf("%s.%s.v%d", base, d.Name, d.Version)
}

// Label returns the name of the version as clients see it, such as timestamp/v1.
func (d *Declaration) Label() string { return fmt.Sprintf("%s/v%d", d.Name, d.Version) }

// Column returns the column of that name.
func (d *Declaration) Column(name string) (Column, bool) {
	i := slices.IndexFunc(d.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return d.Columns[i], true
}

// Fingerprint returns a hash of the shape that rows of this declaration have: table, columns with their types and
// sources, primary key, write rule and indexes. Equal fingerprints mean that the same records give the same rows.
func (d *Declaration) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "table %q key %q write %q primary %q\n", d.Table, d.Key, d.Write, d.PrimaryKey)
	for _, c := range d.Columns {
		fmt.Fprintf(h, "column %q %q %q\n", c.Name, c.Type, c.From)
	}
	for _, i := range d.Indexes {
		fmt.Fprintf(h, "index %q\n", i.Columns)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// identifier is what names of models, tables and columns look like: they become names in PostgreSQL, which cuts them at
// 63 bytes; _v and a version are added to a model's name.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}$`)

// fields is a path of names into a JSON value.
var fields = regexp.MustCompile(`^\$(\.[A-Za-z_][A-Za-z0-9_-]*)+$`)

// A problem is one fault of a declaration with the YAML path of the place, such as $.columns[1].type.
type problem struct {
	path    string
	message string
}

// check returns everything that is wrong with a declaration.
func (d *Declaration) check() []problem {
	var problems []problem
	fault := func(path, format string, args ...any) {
		problems = append(problems, problem{path, fmt.Sprintf(format, args...)})
	}
	name := func(path, value string) {
		if !identifier.MatchString(value) {
			fault(path, "%q is not a name; use a lower-case letter, then lower-case letters, digits and _, at most 50", value)
		}
	}
	name("$.name", d.Name)
	name("$.table", d.Table)
	if d.Version < 1 {
		fault("$.version", "is %d; versions are numbered from 1", d.Version)
	}
	if d.Source.Topic == "" {
		fault("$.source.topic", "is empty; name the topic to read")
	}
	if d.Source.Format != "json" {
		fault("$.source.format", "is %q; it can be json", d.Source.Format)
	}
	if d.Write != "insert" {
		fault("$.write", "is %q; it can be insert (the first record of a key wins)", d.Write)
	}
	if len(d.Columns) == 0 {
		fault("$.columns", "is empty; declare at least one column")
	}
	seen := map[string]bool{}
	for i, c := range d.Columns {
		at := fmt.Sprintf("$.columns[%d].", i)
		name(at+"name", c.Name)
		if seen[c.Name] {
			fault(at+"name", "%q is declared twice", c.Name)
		}
		seen[c.Name] = true
		if _, ok := types[c.Type]; !ok {
			fault(at+"type", "is %q; it can be %s", c.Type, strings.Join(typeNames(), ", "))
		}
		switch {
		case c.From == FromTimestamp && c.Type != "timestamptz":
			fault(at+"type", "is %q; %s gives a timestamptz", c.Type, FromTimestamp)
		case c.From != FromTimestamp && !fields.MatchString(c.From):
			fault(at+"from", "is %q; it can be %s or a path into the JSON value such as $.command_id", c.From, FromTimestamp)
		}
	}
	known := func(path, column string) {
		if !seen[column] {
			fault(path, "names %q, which is not a declared column", column)
		}
	}
	if len(d.PrimaryKey) == 0 {
		fault("$.primary_key", "is empty; without one a second delivery would make a second row")
	}
	for i, column := range d.PrimaryKey {
		known(fmt.Sprintf("$.primary_key[%d]", i), column)
	}
	known("$.key", d.Key)
	for i, index := range d.Indexes {
		if len(index.Columns) == 0 {
			fault(fmt.Sprintf("$.indexes[%d]", i), "has no columns")
		}
		for j, column := range index.Columns {
			known(fmt.Sprintf("$.indexes[%d].columns[%d]", i, j), column)
		}
	}
	return problems
}

// errNoModels is returned where there is no declaration at all.
var errNoModels = errors.New("there is no *.yaml file; a consumer without a read model has nothing to do")
