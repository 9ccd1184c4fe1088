package readmodel

import (
	"regexp"
	"strings"
)

// Where a column's value can come from, beside $.a.b and $.a[0].b, which are paths into the record's JSON value, and
// $headers.name, which is the text of the record's last header of that name.
const (
	FromTimestamp = "$timestamp" // the record's timestamp in Kafka (G7); a timestamptz
	FromKey       = "$key"       // the record's key as text
	FromTopic     = "$topic"     // a text
	FromPartition = "$partition" // an int4 or int8
	FromOffset    = "$offset"    // an int8
)

// headerPrefix begins the origin of a column that comes from a header.
const headerPrefix = "$headers."

// fields is a path of names and list positions into a JSON value.
var fields = regexp.MustCompile(`^\$(\.[A-Za-z_][A-Za-z0-9_-]*(\[[0-9]{1,6}\])*)+$`)

// Path returns the steps that lead to the column's value in the record's JSON, names and positions in lists alike, or nil
// where it comes from elsewhere.
func (c Column) Path() []string {
	if !fields.MatchString(c.From) {
		return nil
	}
	steps := strings.TrimPrefix(c.From, "$.")
	steps = strings.ReplaceAll(strings.ReplaceAll(steps, "[", "."), "]", "")
	return strings.Split(steps, ".")
}

// Header returns the name of the header that the column's value comes from, or "" where it comes from elsewhere.
func (c Column) Header() string {
	name, ok := strings.CutPrefix(c.From, headerPrefix)
	if !ok {
		return ""
	}
	return name
}

// fits reports whether the column's type can hold what comes from its origin, and which types could where it cannot.
// The first return value is false where the origin does not exist.
func (c Column) fits() (known bool, types []string) {
	switch c.From {
	case FromTimestamp:
		return true, []string{"timestamptz"}
	case FromTopic:
		return true, []string{"text"}
	case FromPartition:
		return true, []string{"int4", "int8"}
	case FromOffset:
		return true, []string{"int8"}
	case FromKey:
		return true, nil
	}
	return c.Path() != nil || c.Header() != "", nil
}
