package readmodel

import (
	"cmp"

	"github.com/jackc/pgx/v5"
)

// merge goes through two results of a key and a list of texts, both in the order of the bytes of their keys, and calls do
// for each key with the texts of both sides, nil for a side that does not have it.
func merge(a, b pgx.Rows, do func(key string, a, b []*string)) error {
	left, right := cursor{rows: a}, cursor{rows: b}
	left.next()
	right.next()
	for left.ok || right.ok {
		order := cmp.Compare(left.key, right.key)
		switch {
		case !right.ok || left.ok && order < 0:
			do(left.key, left.texts, nil)
			left.next()
		case !left.ok || order > 0:
			do(right.key, nil, right.texts)
			right.next()
		default:
			do(left.key, left.texts, right.texts)
			left.next()
			right.next()
		}
	}
	return cmp.Or(left.err, right.err)
}

// cursor goes through one of them.
type cursor struct {
	rows  pgx.Rows
	ok    bool
	key   string
	texts []*string
	err   error
}

func (c *cursor) next() {
	if c.ok = c.rows.Next(); c.ok {
		c.texts = nil
		c.err = c.rows.Scan(&c.key, &c.texts)
		c.ok = c.err == nil
	} else if c.err == nil {
		c.err = c.rows.Err()
	}
}
