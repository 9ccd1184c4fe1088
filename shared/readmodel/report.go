package readmodel

// Report is the result of comparing a version with the serving one.
type Report struct {
	ReadModel string      `json:"read_model"`
	Version   int         `json:"version"`
	Against   int         `json:"against"`
	Equal     bool        `json:"equal"` // but for what is expected
	Seconds   float64     `json:"seconds"`
	Positions []Place     `json:"positions"` // where both were
	Rows      [2]int64    `json:"rows"`      // of the serving version and of the other one
	Hash      string      `json:"hash"`      // of the serving version's rows, over the columns that are compared
	Columns   []Compared  `json:"columns"`
	Only      [2][]string `json:"not_compared"` // columns that only one of them has

	Missing  int64            `json:"missing"` // rows that only the serving version has
	Added    int64            `json:"added"`   // rows that only the other one has
	Changed  int64            `json:"changed"` // rows that say different things
	ByColumn map[string]int64 `json:"by_column,omitempty"`
	AtLeast  bool             `json:"at_least,omitempty"` // there may be more: looking stopped at enough examples
	Examples []Example        `json:"examples,omitempty"`
	Expected []Met            `json:"expected,omitempty"`
	Parked   ParkedDifference `json:"parked"`
}

// Place is how far both versions had applied a partition.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"next_offset"`
}

// Compared is a column that both versions have: one with the same origin, else one of the same name.
type Compared struct {
	Serving string `json:"serving"`
	Other   string `json:"version"`
	Key     bool   `json:"key,omitempty"` // rows are found again by it
}

// Example is a row that differs.
type Example struct {
	Kind  string            `json:"kind"` // missing, added or changed
	Key   map[string]string `json:"key"`  // by the names of the serving version
	Cells []Cell            `json:"columns,omitempty"`
}

// Cell is what a column says in the two versions; null is nil.
type Cell struct {
	Column  string  `json:"column"`
	Serving *string `json:"serving"`
	Other   *string `json:"version"`
}

// Met is an expected difference with the rows that it was found in.
type Met struct {
	Expectation
	Found int64 `json:"found"`
}

// ParkedDifference compares what is parked in the two versions up to the same positions.
type ParkedDifference struct {
	Both     int64    `json:"both"`
	Serving  int64    `json:"only_serving"`
	Other    int64    `json:"only_version"`
	Expected bool     `json:"expected,omitempty"` // the differences are
	Examples []string `json:"examples,omitempty"`
}

// summary is what the history says of a comparison.
func (r Report) summary() map[string]any {
	return map[string]any{
		"against": r.Against, "rows": r.Rows[1], "hash": r.Hash,
		"missing": r.Missing, "added": r.Added, "changed": r.Changed, "parked": r.Parked.Serving + r.Parked.Other,
	}
}

// Different reports whether the parked sets are, in a way that nobody expects.
func (p ParkedDifference) Different() bool { return !p.Expected && p.Serving+p.Other > 0 }
