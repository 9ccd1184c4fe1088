package readmodel

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// types are the types that a column can have. Each reads the text of a JSON string; the error says what was expected.
var types = map[string]struct {
	parse func(text string) (any, error)
	array func(values []any) any // a slice that pgx sends as an array of the type
}{
	"uuid": {
		parse: func(text string) (any, error) {
			id, err := uuid.Parse(text)
			if err != nil || len(text) != 36 {
				return nil, fmt.Errorf("is not a UUID")
			}
			return id, nil
		},
		array: arrayOf[uuid.UUID],
	},
	"timestamptz": {
		parse: func(text string) (any, error) {
			at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(text))
			switch {
			case err != nil || strings.Contains(text, ","):
				return nil, fmt.Errorf("is not an RFC 3339 timestamp with an offset")
			case at.Nanosecond()%1000 != 0:
				return nil, fmt.Errorf("is finer than a microsecond, which PostgreSQL cannot keep")
			case at.UTC().Year() < 0 || at.UTC().Year() > 9999:
				return nil, fmt.Errorf("is outside of the years 0000 to 9999 in UTC")
			}
			return at.UTC(), nil
		},
		array: arrayOf[time.Time],
	},
}

func typeNames() []string {
	var names []string
	for name := range types {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Parse returns the value that the text stands for, ready for Array. The error completes a sentence that begins with
// the field's name.
func (c Column) Parse(text string) (any, error) { return types[c.Type].parse(text) }

// Array returns the values as one parameter for unnest($n::type[]).
func (c Column) Array(values []any) any { return types[c.Type].array(values) }

func arrayOf[T any](values []any) any {
	typed := make([]T, len(values))
	for i, v := range values {
		typed[i] = v.(T)
	}
	return typed
}
