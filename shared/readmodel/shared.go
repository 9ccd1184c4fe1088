package readmodel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/counterfoil/counterfoil/shared/postgres"
)

// pair is a column that two versions share.
type pair struct {
	serving, other Column
	key            bool // rows are found again by it
	expected       bool // it may differ
}

// pairs returns the columns that the versions share: those of the same origin, whatever they are called, and else those
// of the same name; and the names of those that only one of them has.
func pairs(serving, other *Declaration, expected []Expectation) (shared []pair, only [2][]string) {
	only = [2][]string{{}, {}}   // lists also where they are empty
	taken := map[string]string{} // by names of the other version
	for _, same := range []func(a, b Column) bool{
		func(a, b Column) bool { return a.From == b.From && a.Name == b.Name },
		func(a, b Column) bool { return a.From == b.From },
		func(a, b Column) bool { return a.Name == b.Name },
	} {
		for _, a := range serving.Columns {
			if slices.ContainsFunc(shared, func(p pair) bool { return p.serving.Name == a.Name }) {
				continue
			}
			i := slices.IndexFunc(other.Columns, func(b Column) bool { return taken[b.Name] == "" && same(a, b) })
			if i >= 0 {
				b := other.Columns[i]
				taken[b.Name] = a.Name
				shared = append(shared, pair{serving: a, other: b, expected: slices.ContainsFunc(expected, func(e Expectation) bool { return e.Column == b.Name })})
			}
		}
	}
	for _, a := range serving.Columns {
		if !slices.ContainsFunc(shared, func(p pair) bool { return p.serving.Name == a.Name }) {
			only[0] = append(only[0], a.Name)
		}
	}
	for _, b := range other.Columns {
		if taken[b.Name] == "" {
			only[1] = append(only[1], b.Name)
		}
	}
	slices.SortStableFunc(shared, func(a, b pair) int {
		return slices.Index(serving.ColumnNames(), a.serving.Name) - slices.Index(serving.ColumnNames(), b.serving.Name)
	})
	chooseKey(shared, serving, other)
	return shared, only
}

// chooseKey finds rows again by the primary key where both versions have the same one, and else by all that they share.
func chooseKey(shared []pair, serving, other *Declaration) {
	keys := 0
	for i, p := range shared {
		if slices.Contains(serving.PrimaryKey, p.serving.Name) && slices.Contains(other.PrimaryKey, p.other.Name) {
			shared[i].key = true
			keys++
		}
	}
	if keys == len(serving.PrimaryKey) && keys == len(other.PrimaryKey) {
		return
	}
	for i := range shared {
		shared[i].key = !shared[i].expected
	}
}

// half says which side of the pairs is meant.
type half bool

const (
	servingHalf half = false
	otherHalf   half = true
)

func (h half) of(p pair) (mine, theirs Column) {
	if h == otherHalf {
		return p.other, p.serving
	}
	return p.serving, p.other
}

// numbers are types whose values are compared as numbers, whatever they are written like.
var numbers = []string{"int4", "int8", "numeric", "float8"}

// canonical returns an expression for the text of a column, which is the same in both versions where they say the same:
// timestamps are in UTC (the session's time zone is), and numbers of different types or scales are compared as numbers.
func (h half) canonical(p pair) string {
	mine, theirs := h.of(p)
	name := postgres.Identifier(mine.Name)
	if mine.Type != theirs.Type && slices.Contains(numbers, mine.TypeName()) && slices.Contains(numbers, theirs.TypeName()) {
		return fmt.Sprintf("trim_scale(%s::text::numeric)::text", name)
	}
	if mine.TypeName() == "numeric" {
		return fmt.Sprintf("trim_scale(%s)::text", name)
	}
	return name + "::text"
}

// joined returns an expression that says the columns of the pairs for which want holds, with nothing left to guess.
func (h half) joined(shared []pair, want func(pair) bool) string {
	var parts []string
	for _, p := range shared {
		if want(p) {
			parts = append(parts, "quote_nullable("+h.canonical(p)+")")
		}
	}
	if len(parts) == 0 {
		return "''"
	}
	return "concat_ws(',', " + strings.Join(parts, ", ") + ")"
}

// bucketSQL counts and hashes the rows of a version by buckets of their key. $1 is the number of buckets, a power of two,
// less one. The first hash is over what must be the same, the second over all that is shared.
func (h half) bucketSQL(d *Declaration, shared []pair) string {
	strict := h.joined(shared, func(p pair) bool { return !p.expected })
	all := h.joined(shared, func(pair) bool { return true })
	return fmt.Sprintf(`
		SELECT bucket, count(*), %s || %s, %s || %s FROM (
			SELECT (hashtextextended(%s, 0) & $1)::int AS bucket, md5(%s) AS strict, md5(%s) AS loose FROM %s) r
		GROUP BY bucket ORDER BY bucket`,
		sumOf("strict", 1), sumOf("strict", 17), sumOf("loose", 1), sumOf("loose", 17),
		h.joined(shared, isKey), strict, all, postgres.Identifier(d.Schema(), d.Table))
}

// sumDigits is how many digits sumOf writes: enough for the sum of as many rows as there can be.
const sumDigits = 40

// sumOf adds up half of an md5, which the order of the rows does not change; it is never negative.
func sumOf(column string, from int) string {
	return fmt.Sprintf("to_char(sum(('x' || substr(%s, %d, 16))::bit(64)::bigint::numeric + 9223372036854775808), 'FM%s')",
		column, from, strings.Repeat("0", sumDigits))
}

// rowSQL returns the rows of some buckets by key, each with the texts of all that is shared. $2 are the buckets.
func (h half) rowSQL(d *Declaration, shared []pair) string {
	var texts []string
	for _, p := range shared {
		texts = append(texts, h.canonical(p))
	}
	key := h.joined(shared, isKey)
	return fmt.Sprintf(`
		SELECT %[1]s COLLATE "C" AS key, ARRAY[%[2]s] FROM %[3]s
		WHERE (hashtextextended(%[1]s, 0) & $1)::int = ANY ($2) ORDER BY 1`,
		key, strings.Join(texts, ", "), postgres.Identifier(d.Schema(), d.Table))
}

func isKey(p pair) bool { return p.key }
