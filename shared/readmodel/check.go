package readmodel

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// identifier is what names of models, tables and columns look like: they become names in PostgreSQL, which cuts them at
// 63 bytes without a word; _v and a version, _state, and _index_ with a number are added to some.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// systemColumns are names that every table has already (PostgreSQL documentation, "System Columns").
var systemColumns = []string{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

// mostKeys is how many columns PostgreSQL puts into one index (PostgreSQL documentation, appendix K).
const mostKeys = 32

// route is what the path of a model looks like.
var route = regexp.MustCompile(`^/[a-z][a-z0-9_-]{0,49}$`)

// reserved are paths that the query-service answers itself.
var reserved = []string{"/api", "/health", "/livez", "/readyz", "/app", "/metrics"}

// A problem is one fault of a declaration with the YAML path of the place, such as $.columns[1].type.
type problem struct {
	path    string
	message string
}

// checker collects the problems of a declaration.
type checker struct {
	*Declaration
	problems []problem
	columns  map[string]bool
}

func (c *checker) fault(path, format string, args ...any) {
	c.problems = append(c.problems, problem{path, fmt.Sprintf(format, args...)})
}

// check returns everything that is wrong with a declaration that was completed.
func (d *Declaration) check() []problem {
	c := &checker{Declaration: d, columns: map[string]bool{}}
	c.names()
	c.sources()
	for i := range d.Columns {
		c.column(i)
	}
	c.keys()
	c.writes()
	c.expectations()
	return c.problems
}

func (c *checker) name(path, value string) {
	if !identifier.MatchString(value) {
		c.fault(path, "%q is not a name; use a lower-case letter, then lower-case letters, digits and _, at most 40", value)
	}
}

func (c *checker) names() {
	c.name("$.name", c.Name)
	c.name("$.table", c.Table)
	if strings.HasPrefix(c.Name, "pg_") {
		c.fault("$.name", "%q begins with pg_, which PostgreSQL keeps for itself; choose another", c.Name)
	}
	if c.Version < 0 {
		c.fault("$.version", "is %d; versions are numbered from 1", c.Version)
	}
	switch {
	case !route.MatchString(c.Path):
		c.fault("$.path", "%q is not a path; write one step such as /trips", c.Path)
	case slices.Contains(reserved, c.Path) || regexp.MustCompile(`^/v[0-9]+$`).MatchString(c.Path):
		c.fault("$.path", "%q is taken; choose another", c.Path)
	}
}

func (c *checker) sources() {
	if c.Source != nil {
		c.fault("$.source", "is given beside sources; give one of them")
	}
	if len(c.Sources) == 0 {
		c.fault("$.sources", "is empty; name the topic to read")
	}
	for i, s := range c.Sources {
		at := fmt.Sprintf("$.sources[%d].", i)
		if s.Topic == "" {
			c.fault(at+"topic", "is empty; name the topic to read")
		}
		if slices.ContainsFunc(c.Sources[:i], func(other Source) bool { return other.Topic == s.Topic }) {
			c.fault(at+"topic", "%q is named twice", s.Topic)
		}
		if s.Format != "json" {
			c.fault(at+"format", "is %q; it can be json", s.Format)
		}
	}
}

func (c *checker) column(i int) {
	column, at := c.Columns[i], fmt.Sprintf("$.columns[%d].", i)
	c.name(at+"name", column.Name)
	if slices.Contains(systemColumns, column.Name) {
		c.fault(at+"name", "%q is a column that every table of PostgreSQL has; choose another", column.Name)
	}
	if c.columns[column.Name] {
		c.fault(at+"name", "%q is declared twice", column.Name)
	}
	for other := range c.columns {
		if other != column.Name && strings.ReplaceAll(other, "_", "") == strings.ReplaceAll(column.Name, "_", "") {
			c.fault(at+"name", "%q differs from %q only by _, which clients of gRPC cannot tell apart", column.Name, other)
		}
	}
	c.columns[column.Name] = true
	kind, err := column.kind()
	if err != nil {
		c.fault(at+"type", "%v", err)
	}
	known, types := column.fits()
	switch {
	case !known:
		c.fault(at+"from", "is %q; it can be a path into the JSON value such as $.command_id, $headers.name, %s, %s, %s, %s or %s",
			column.From, FromKey, FromTimestamp, FromTopic, FromPartition, FromOffset)
	case err == nil && types != nil && !slices.Contains(types, kind.name):
		c.fault(at+"type", "is %q; %s gives a %s", column.Type, column.From, strings.Join(types, " or "))
	}
	if column.Default != nil && err == nil {
		if _, err := column.ParseText(*column.Default); err != nil {
			c.fault(at+"default", "%q %v", *column.Default, err)
		}
	}
}

func (c *checker) known(path, column string) {
	if !c.columns[column] {
		c.fault(path, "names %q, which is not a declared column", column)
	}
}

func (c *checker) keys() {
	if len(c.Columns) == 0 {
		c.fault("$.columns", "is empty; declare at least one column")
	}
	if len(c.PrimaryKey) == 0 {
		c.fault("$.primary_key", "is empty; without one a second delivery would make a second row")
	}
	if len(c.PrimaryKey) > mostKeys {
		c.fault("$.primary_key", "has %d columns; PostgreSQL takes at most %d", len(c.PrimaryKey), mostKeys)
	}
	for i, name := range c.PrimaryKey {
		at := fmt.Sprintf("$.primary_key[%d]", i)
		c.known(at, name)
		if slices.Contains(c.PrimaryKey[:i], name) {
			c.fault(at, "%q is named twice", name)
		}
		column, _ := c.Column(name)
		if column.Nullable {
			c.fault(at, "%q is nullable; a primary key cannot be null", name)
		}
		if slices.Contains([]string{"jsonb", "float8"}, column.Type) {
			c.fault(at, "%q is of type %s, which makes no key", name, column.Type)
		}
	}
	if c.Key != "" {
		c.known("$.key", c.Key)
	}
	for i, index := range c.Indexes {
		if len(index.Columns) == 0 {
			c.fault(fmt.Sprintf("$.indexes[%d]", i), "has no columns")
		}
		if len(index.Columns) > mostKeys {
			c.fault(fmt.Sprintf("$.indexes[%d]", i), "has %d columns; PostgreSQL takes at most %d", len(index.Columns), mostKeys)
		}
		for j, column := range index.Columns {
			c.known(fmt.Sprintf("$.indexes[%d].columns[%d]", i, j), column)
		}
	}
}

func (c *checker) writes() {
	if c.Write != Insert && c.Write != Upsert {
		c.fault("$.write", "is %q; it can be insert (the first record of a key wins) or upsert (the latest does)", c.Write)
	}
	switch {
	case c.OnNull != "" && c.OnNull != Park && c.OnNull != Delete:
		c.fault("$.on_null", "is %q; it can be park or delete", c.OnNull)
	case c.OnNull == Delete && c.Write != Upsert:
		c.fault("$.on_null", "is delete, which needs write: upsert, since a first record that wins cannot be taken back")
	case c.OnNull == Delete && (len(c.PrimaryKey) != 1 || c.Key != c.PrimaryKey[0]):
		c.fault("$.on_null", "is delete, which needs the record's key to name the row: set key to the one column of primary_key")
	}
}

func (c *checker) expectations() {
	for i, e := range c.ExpectedDifferences {
		at := fmt.Sprintf("$.expected_differences[%d]", i)
		switch {
		case (e.Column == "") == (e.Rows == ""):
			c.fault(at, "names a column or rows, one of them")
		case e.Column != "":
			c.known(at+".column", e.Column)
		case e.Rows != "missing" && e.Rows != "added":
			c.fault(at+".rows", "is %q; it can be missing or added", e.Rows)
		}
		if e.Reason == "" {
			c.fault(at+".reason", "is empty; say why the difference is meant")
		}
	}
}
