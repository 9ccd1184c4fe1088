package filter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/query-service/internal/filter"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

var trips = &readmodel.Declaration{
	Name: "trips", Version: 1, Table: "trips", Path: "/trips",
	Columns: []readmodel.Column{
		{Name: "id", Type: "int8", From: "$.id"}, {Name: "city", Type: "text", From: "$.city"},
		{Name: "fare", Type: "numeric(10,2)", From: "$.fare"}, {Name: "tip", Type: "float8", From: "$.tip", Nullable: true},
		{Name: "at", Type: "timestamptz", From: "$timestamp"}, {Name: "extra", Type: "jsonb", From: "$.extra", Nullable: true},
	},
	PrimaryKey: []string{"id"}, Write: readmodel.Insert,
}

func parse(t *testing.T, source string) *filter.Query {
	t.Helper()
	q, err := filter.Parse([]byte(source), trips)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return q
}

// What clients send reaches SQL as parameters, and lists of any length are one statement.
func TestWhere_HoldsNoValue(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{}`:                                    `true []`,
		`{"$filter": {"city": "x' OR 1=1 --"}}`: `"city" = $1 [x' OR 1=1 --]`,
		`{"$filter": {"id": {"$in": [1, 2, 3]}}}`:                             `"id" = ANY ($1) [[1 2 3]]`,
		`{"$filter": {"id": {"$gt": 1, "$lte": 9}, "tip": null}}`:             `("id" > $1 AND "id" <= $2 AND "tip" IS NULL) [1 9]`,
		`{"$filter": {"$or": [{"id": 1}, {"tip": {"$ne": 2}}]}}`:              `("id" = $1 OR "tip" IS DISTINCT FROM $2) [1 2]`,
		`{"$filter": {"$not": {"$or": [{"id": 1}, {"id": 2, "city": "a"}]}}}`: `(("id" = $1 OR ("id" = $2 AND "city" = $3))) IS NOT TRUE [1 2 a]`,
		`{"$filter": {"city": {"$contains": "50%_\\"}}}`:                      `"city" ILIKE $1 [%50\%\_\\%]`,
		`{"$filter": {"city": {"$matches_any": ["a \"b", "c"]}}}`:             `to_tsvector('simple', "city") @@ websearch_to_tsquery('simple', $1) ["a" or " b" or "c"]`,
		`{"$filter": {"extra": {"$contains": {"a": [1]}}}}`:                   `"extra" @> $1 [{"a": [1]}]`,
	} {
		var p filter.Parameters
		if got := fmt.Sprint(parse(t, source).Where(&p), " ", p.Values); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
}

func TestOrder_EndsWithThePrimaryKeyAndPagesGoOnBehindIt(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{}`:                            `"id" | ("id") > ($1) [1]`,
		`{"$order_by": {"at": "desc"}}`: `"at" DESC, "id" DESC | ("at", "id") < ($1, $2) [1 2]`,
		`{"$order_by": {"at": "desc", "id": "asc"}}`: `"at" DESC, "id" | (("at" < $1) OR ("at" = $1 AND "id" > $2)) [1 2]`,
		`{"$order_by": {"tip": "asc"}}`:              `"tip", "id" | ((("tip" > $1 OR "tip" IS NULL)) OR ("tip" = $1 AND "id" > $2)) [1 2]`,
	} {
		q := parse(t, source)
		var place []any
		for i := range q.Order() {
			place = append(place, i+1)
		}
		var p filter.Parameters
		if got := fmt.Sprint(q.OrderBy(""), " | ", q.Behind(&p, place), " ", p.Values); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", source, got, want)
		}
	}
}

func TestIdentity_DiffersWhereTheRowsDo(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, source := range []string{
		`{}`, `{"$order_by": {"id": "desc"}}`, `{"$filter": {"id": 1}}`, `{"$filter": {"id": 2}}`, `{"$filter": {"city": "1"}}`,
		`{"$filter": {"id": {"$in": [1, 2]}}}`, `{"$filter": {"id": {"$in": [12]}}}`, `{"$filter": {"$or": [{"id": 1}, {"id": 2}]}}`, `{"$filter": {"id": 1, "city": "2"}}`,
	} {
		id := parse(t, source).Identity()
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s are the same", source, other)
		}
		seen[id] = source
	}
	if parse(t, `{"$limit": 5, "$filter": {"id":  1}}`).Identity() != parse(t, `{"$filter": {"id": {"$eq": 1}}, "$limit": 9}`).Identity() {
		t.Error("the limit makes it another query")
	}
}

func FuzzParse_IsAQueryOrAFaultWithItsPlace(f *testing.F) {
	for _, source := range []string{
		`{"$filter": {"city": "Lagos", "fare": {"$gte": 10, "$lt": 20}, "$or": [{"tip": null}, {"tip": {"$lt": 1}}]}, "$order_by": {"fare": "desc"}, "$limit": 20, "$skip": 1}`,
		`{"$filter": {"$not": {"$and": [{"id": {"$in": [1, 2]}}, {"city": {"$matches_all": ["a", "b"]}}]}}, "$after": "abc"}`,
		`{"$filter": {"extra": {"$contains": {"a": [1, {"b": null}]}}, "at": {"$ne": "2009-09-28T19:03:12Z"}}}`,
		`{"$filter": {"id": 1, "id": 2}}`, `[`, ``, `null`, "{\"\u0000\": 1}", `{"$order_by": {"tip": "asc", "city": "desc"}}`,
	} {
		f.Add([]byte(source))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		token, afterErr := filter.After(source)
		q, err := filter.Parse(source, trips)
		if err != nil {
			if fault.Of(err).Code != fault.CodeInvalidQuery || len(fault.Of(err).Message) < 10 {
				t.Fatalf("got %v", err)
			}
			return
		}
		if afterErr != nil || token != q.After {
			t.Fatalf("its token is %q, and %q, %v without a declaration", q.After, token, afterErr)
		}
		if q.Limit < 0 || q.Limit > filter.MaxLimit || q.Skip < 0 || q.Skip > filter.MaxSkip {
			t.Fatalf("limit %d, skip %d", q.Limit, q.Skip)
		}
		// The statement holds nothing but what is ours: the same shape with as many parameters as it names.
		var p filter.Parameters
		where := q.Where(&p)
		for i := range p.Values {
			if strings.Count(where, fmt.Sprintf("$%d", i+1)) == 0 {
				t.Fatalf("%s does not use parameter %d", where, i+1)
			}
		}
		if q.Identity() == "" || len(q.Order()) == 0 {
			t.Fatal("it has no identity or no order")
		}
		if err := q.NeedsIndex(); err != nil && fault.Of(err).Code != fault.CodeMissingIndex {
			t.Fatalf("got %v", err)
		}
	})
}
