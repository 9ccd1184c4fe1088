package readmodel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Plan says whether the declaration of a model needs a version that does not exist yet, and why.
type Plan struct {
	Declaration *Declaration // numbered as the version that is needed, or that has its shape already
	Needed      bool
	First       bool     // the model has no version at all; the first one serves at once
	State       State    // of the version that has its shape already; "" where one is needed
	Reasons     []string // why it is needed, or why it is not
	Serving     *Version // nil where none serves
}

// PlanFor compares a declaration with the versions of its model. A version is needed where there is none; where the shape
// of the newest one is another: columns, primary key, write rule, indexes or topics; and where the database holds
// something of the next number already that is not this version, the number after it is taken. Versions that were dropped
// count only for their numbers.
func PlanFor(ctx context.Context, db Database, d *Declaration) (Plan, error) {
	all, err := Versions(ctx, db)
	if err != nil {
		return Plan{}, err
	}
	all = slices.DeleteFunc(all, func(v Version) bool { return v.Name != d.Name })
	plan := Plan{First: len(all) == 0, Needed: true}
	next := d.Version
	if !plan.First {
		next = all[len(all)-1].Number + 1
	}
	if i := slices.IndexFunc(all, Version.Serving); i >= 0 {
		plan.Serving = &all[i]
	}
	existing, reasons, err := compare(ctx, db, d, all)
	if err != nil {
		return Plan{}, err
	}
	plan.Reasons = reasons
	if existing != nil {
		plan.Needed, plan.State, plan.Declaration = false, existing.State, d.Numbered(existing.Number)
		return plan, nil
	}
	for {
		plan.Declaration = d.Numbered(next)
		taken, err := leftover(ctx, db, plan.Declaration, plan.First)
		if err != nil || taken == "" {
			return plan, err
		}
		plan.Reasons = append(plan.Reasons, taken)
		next++
	}
}

// compare returns the version that has the declared shape already, or nil, and what was found.
func compare(ctx context.Context, db Database, d *Declaration, all []Version) (existing *Version, reasons []string, err error) {
	live := slices.DeleteFunc(slices.Clone(all), func(v Version) bool { return v.State == Dropped })
	switch {
	case len(all) == 0:
		return nil, []string{"there is no version of it"}, nil
	case len(live) == 0:
		return nil, []string{"all versions of it were dropped"}, nil
	}
	for i, v := range slices.Backward(live) {
		newest := i == len(live)-1
		if !newest && !v.Serving() {
			continue
		}
		declared, err := StoredDeclaration(ctx, db, v)
		if err != nil {
			return nil, nil, err
		}
		differences := d.Differences(declared)
		if len(differences) == 0 {
			return &live[i], []string{fmt.Sprintf("v%d, which is %s, has this shape", v.Number, v.State)}, nil
		}
		if newest {
			for _, difference := range differences {
				reasons = append(reasons, fmt.Sprintf("differs from v%d, which is %s: %s", v.Number, v.State, difference))
			}
		}
	}
	return nil, reasons, nil
}

// Differences says in which ways the shape differs from that of an older version, one sentence each; none where the same
// records give the same rows. Paths and expected differences are no part of the shape.
func (d *Declaration) Differences(old *Declaration) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	changed := func(what string, was, is any) {
		if w, i := fmt.Sprint(was), fmt.Sprint(is); w != i {
			say("%s was %s and is %s", what, orNone(w), orNone(i))
		}
	}
	for _, c := range d.Columns {
		was, known := old.Column(c.Name)
		if !known {
			say("column %s is new", c.Name)
			continue
		}
		changed("the type of column "+c.Name, was.Type, c.Type)
		changed("the origin of column "+c.Name, was.From, c.From)
		changed("whether column "+c.Name+" is nullable", was.Nullable, c.Nullable)
		changed("the default of column "+c.Name, value(was.Default), value(c.Default))
	}
	for _, c := range old.Columns {
		if _, known := d.Column(c.Name); !known {
			say("column %s is gone", c.Name)
		}
	}
	if len(all) == 0 {
		changed("the order of the columns", old.ColumnNames(), d.ColumnNames())
	}
	changed("the primary key", old.PrimaryKey, d.PrimaryKey)
	changed("the key of records", old.Key, d.Key)
	changed("the table", old.Table, d.Table)
	changed("the write rule", old.Write, d.Write)
	changed("what a null value does", orPark(old.OnNull), orPark(d.OnNull))
	for _, i := range d.Indexes {
		if !slices.ContainsFunc(old.Indexes, i.equal) {
			say("the index on %s is new", strings.Join(i.Columns, ", "))
		}
	}
	for _, i := range old.Indexes {
		if !slices.ContainsFunc(d.Indexes, i.equal) {
			say("the index on %s is gone", strings.Join(i.Columns, ", "))
		}
	}
	changed("the list of topics", old.Topics(), d.Topics())
	if len(all) == 0 && d.Fingerprint() != old.Fingerprint() {
		say("the order of the indexes")
	}
	return all
}

func (i Index) equal(other Index) bool { return slices.Equal(i.Columns, other.Columns) }

func value(text *string) string {
	if text == nil {
		return ""
	}
	return fmt.Sprintf("%q", *text)
}

func orNone(text string) string {
	if text == "" || text == "[]" {
		return "none"
	}
	return strings.Trim(text, "[]")
}

func orPark(rule string) string {
	if rule == "" {
		return Park
	}
	return rule
}

// leftover says what the database holds already where the version would be, or "". An empty table of the very shape is
// the version; so is one with rows where the control tables were lost and the model begins anew.
func leftover(ctx context.Context, db Database, d *Declaration, first bool) (string, error) {
	rows, err := db.Query(ctx, `
		SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
		FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relkind IN ('r', 'p')
		GROUP BY c.relname ORDER BY c.relname = $2 DESC, c.relname LIMIT 1`, d.Schema(), d.Storage())
	if err != nil {
		return "", err
	}
	shape, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[*string])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", nil
	case err != nil:
		return "", err
	case shape == nil || *shape != d.catalogued():
		return fmt.Sprintf("the number %d is passed over: schema %s holds a table already that is of another shape", d.Version, d.Schema()), nil
	case first:
		return "", nil
	}
	filled, err := holds(ctx, db, `SELECT EXISTS (SELECT FROM `+d.storage()+`)`)
	if err != nil || !filled {
		return "", err
	}
	return fmt.Sprintf("the number %d is passed over: schema %s holds rows already that no version knows of", d.Version, d.Schema()), nil
}

// catalogued are the columns of the table as PostgreSQL's catalog writes them.
func (d *Declaration) catalogued() string {
	longer := map[string]string{"bool": "boolean", "int4": "integer", "int8": "bigint", "float8": "double precision", "timestamptz": "timestamp with time zone"}
	var columns []string
	for _, c := range d.Columns {
		kind := c.Type
		if long, ok := longer[kind]; ok {
			kind = long
		}
		columns = append(columns, c.Name+" "+kind)
	}
	if d.Write == Upsert {
		columns = append(columns, RowSource+" smallint", RowPartition+" integer", RowOffset+" bigint", RowTime+" timestamp with time zone", RowDeleted+" boolean")
	}
	return strings.Join(columns, ", ")
}

// BuildRate returns how many records a second the last build of the model applied, or that of any model where it had none
// of at least 10 000 records. The label is that of the version; it is "" where nothing was built yet.
func BuildRate(ctx context.Context, db Database, model string) (perSecond float64, label string, err error) {
	rows, err := db.Query(ctx, `
		SELECT b.name || '/v' || b.version, (b.details->>'records')::float8 / greatest(extract(epoch FROM r.changed_at - b.changed_at)::float8, 0.001)
		FROM counterfoil.read_model_history b CROSS JOIN LATERAL (
			SELECT event, changed_at FROM counterfoil.read_model_history r
			WHERE r.name = b.name AND r.version = b.version AND r.id > b.id AND r.event IN ('ready', 'retired')
			ORDER BY r.id LIMIT 1) r
		WHERE b.event = 'building' AND r.event = 'ready' AND (b.details->>'records')::float8 >= 10000
		ORDER BY b.name = $1 DESC, b.id DESC LIMIT 1`, model)
	if err != nil {
		return 0, "", err
	}
	last, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Label string
		Rate  float64
	}])
	if err != nil || len(last) == 0 {
		return 0, "", err
	}
	return last[0].Rate, last[0].Label, nil
}

// TableBytes returns what the version's table takes on disk with its indexes; 0 where it does not exist.
func TableBytes(ctx context.Context, db Database, v Version) (int64, error) {
	rows, err := db.Query(ctx, `
		SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
		WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind = 'r'`, v.Schema)
	if err != nil {
		return 0, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
}
