package readmodel

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/big"
	"math/bits"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// A comparison goes from the whole to the parts: how many rows there are and what they hash to in each bucket of keys, then
// the rows of the buckets that differ.
const (
	rowsPerBucket = 2_000
	mostBuckets   = 1 << 14
	rowsAtOnce    = 200_000 // that are sorted in one query when rows are looked at
)

// comparing is a comparison of two snapshots under way.
type comparing struct {
	*verification
	shared  []pair
	mask    int64 // number of buckets less one
	report  *Report
	missing bool // rows that only the serving version has are expected
	added   bool
	met     map[Expectation]int64
}

// compare compares the snapshots of both sides, which are at the positions.
func (v *verification) compare(ctx context.Context, at []Target) (Report, error) {
	r := &Report{ReadModel: v.other.Name, Version: v.other.Number, Against: v.serving.Number, ByColumn: map[string]int64{}}
	for _, t := range at {
		r.Positions = append(r.Positions, Place{t.Topic, t.Partition, t.End})
	}
	c := &comparing{verification: v, report: r, met: map[Expectation]int64{}}
	c.shared, r.Only = pairs(v.serving.Declaration, v.other.Declaration, v.Expected)
	for _, p := range c.shared {
		r.Columns = append(r.Columns, Compared{p.serving.Name, p.other.Name, p.key})
	}
	if !slices.ContainsFunc(c.shared, isKey) {
		return *r, fmt.Errorf("%w: %s and %s share no column by which a row can be found again; nothing can be compared", ErrRefused, v.serving.Label(), v.other.Label())
	}
	for _, e := range v.Expected {
		c.missing = c.missing || e.Rows == "missing"
		c.added = c.added || e.Rows == "added"
	}
	if err := c.rows(ctx); err != nil {
		return *r, err
	}
	if err := c.parked(ctx, at); err != nil {
		return *r, err
	}
	for _, e := range v.Expected {
		r.Expected = append(r.Expected, Met{e, c.met[e]})
	}
	r.Equal = r.Missing+r.Added+r.Changed == 0 && !r.Parked.Different()
	r.Seconds = time.Since(v.began).Seconds()
	return *r, nil
}

// bucket is what a bucket holds.
type bucket struct {
	Number        int32
	Rows          int64
	Strict, Loose string
}

func (c *comparing) rows(ctx context.Context) error {
	if err := c.chooseBuckets(ctx); err != nil {
		return err
	}
	serving, err := c.buckets(ctx, c.serving, servingHalf)
	if err != nil {
		return err
	}
	other, err := c.buckets(ctx, c.other, otherHalf)
	if err != nil {
		return err
	}
	c.report.Rows[0], c.report.Hash = total(serving)
	c.report.Rows[1], _ = total(other)
	return c.differing(ctx, serving, other)
}

// chooseBuckets takes as many as the serving version's table needs, by what PostgreSQL believes of its size.
func (c *comparing) chooseBuckets(ctx context.Context) error {
	var rows float64
	err := c.serving.tx.QueryRow(ctx, `SELECT coalesce((SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)), 0)::float8`,
		c.serving.Declaration.storage()).Scan(&rows)
	if err != nil {
		return err
	}
	wanted := uint64(max(rows, 0)/rowsPerBucket) + 64
	c.mask = min(int64(1)<<bits.Len64(wanted-1), mostBuckets) - 1
	return nil
}

func (c *comparing) buckets(ctx context.Context, s side, h half) (map[int32]bucket, error) {
	c.Say("reading the rows of " + s.Label())
	rows, err := s.tx.Query(ctx, h.bucketSQL(s.Declaration, c.shared), c.mask)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[bucket])
	if err != nil {
		return nil, fmt.Errorf("read the rows of %s: %w", s.Label(), err)
	}
	buckets := make(map[int32]bucket, len(all))
	for _, b := range all {
		buckets[b.Number] = b
	}
	return buckets, nil
}

// total returns how many rows the buckets hold, and a hash of them that does not depend on how many buckets there are.
func total(buckets map[int32]bucket) (rows int64, hash string) {
	sums := [2]*big.Int{new(big.Int), new(big.Int)}
	for _, b := range buckets {
		rows += b.Rows
		for i, sum := range sums {
			half, _ := new(big.Int).SetString(b.Strict[i*sumDigits:(i+1)*sumDigits], 10)
			sum.Add(sum, half)
		}
	}
	return rows, fmt.Sprintf("%032x", sha256.Sum256(fmt.Appendf(nil, "%d %d %d", rows, sums[0], sums[1])))[:32]
}

// differing looks at the rows of the buckets that differ. It stops at enough examples, unless only all rows can say
// whether the differences are those that are expected.
func (c *comparing) differing(ctx context.Context, serving, other map[int32]bucket) error {
	var strict, loose []int32
	numbers := maps.Clone(serving)
	maps.Copy(numbers, other)
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		a, b := serving[n], other[n]
		switch {
		case a.Rows != b.Rows || a.Strict != b.Strict:
			strict = append(strict, n)
		case a.Loose != b.Loose:
			loose = append(loose, n)
		}
	}
	weight := func(n int32) int64 { return serving[n].Rows + other[n].Rows }
	for _, group := range grouped(slices.Concat(strict, loose), weight) {
		enough := len(c.report.Examples) >= c.Examples && c.report.Missing+c.report.Added+c.report.Changed > 0
		if enough && !c.missing && !c.added {
			c.report.AtLeast = true
			return nil
		}
		if err := c.look(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// grouped cuts the buckets into groups that can be sorted at once.
func grouped(buckets []int32, weight func(int32) int64) [][]int32 {
	var groups [][]int32
	var size int64
	for _, n := range buckets {
		if len(groups) == 0 || size+weight(n) > rowsAtOnce {
			groups, size = append(groups, nil), 0
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], n)
		size += weight(n)
	}
	return groups
}

// look compares the rows of some buckets one by one.
func (c *comparing) look(ctx context.Context, buckets []int32) error {
	c.Say(fmt.Sprintf("looking at the rows of %d buckets that differ", len(buckets)))
	a, err := c.serving.tx.Query(ctx, servingHalf.rowSQL(c.serving.Declaration, c.shared), c.mask, buckets)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := c.other.tx.Query(ctx, otherHalf.rowSQL(c.other.Declaration, c.shared), c.mask, buckets)
	if err != nil {
		return err
	}
	defer b.Close()
	return merge(a, b, c.row)
}

// row takes note of a row; the texts of a side that does not have it are nil.
func (c *comparing) row(_ string, serving, other []*string) {
	switch {
	case other == nil:
		if c.expect("missing") {
			return
		}
		c.report.Missing++
		c.example("missing", serving, nil)
	case serving == nil:
		if c.expect("added") {
			return
		}
		c.report.Added++
		c.example("added", other, nil)
	default:
		c.changed(serving, other)
	}
}

// expect counts a row that only one version has, where that is expected.
func (c *comparing) expect(rows string) bool {
	for _, e := range c.Expected {
		if e.Rows == rows {
			c.met[e]++
			return true
		}
	}
	return false
}

func (c *comparing) changed(serving, other []*string) {
	var cells []Cell
	for i, p := range c.shared {
		if same(serving[i], other[i]) {
			continue
		}
		if p.expected {
			for _, e := range c.Expected {
				if e.Column == p.other.Name {
					c.met[e]++
				}
			}
			continue
		}
		c.report.ByColumn[p.other.Name]++
		cells = append(cells, Cell{p.other.Name, serving[i], other[i]})
	}
	if len(cells) > 0 {
		c.report.Changed++
		c.example("changed", serving, cells)
	}
}

func (c *comparing) example(kind string, texts []*string, cells []Cell) {
	if len(c.report.Examples) >= c.Examples {
		return
	}
	key := map[string]string{}
	for i, p := range c.shared {
		if p.key && texts[i] != nil {
			key[p.serving.Name] = *texts[i]
		}
	}
	c.report.Examples = append(c.report.Examples, Example{kind, key, cells})
}

func same(a, b *string) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
