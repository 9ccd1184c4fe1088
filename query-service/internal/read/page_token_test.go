package read

import (
	"encoding/json"
	"testing"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/query-service/internal/filter"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func tripsVersion() catalog.Asked {
	d := &readmodel.Declaration{
		Name: "trips", Version: 3, Path: "/trips", Table: "trips", PrimaryKey: []string{"id"},
		Columns: []readmodel.Column{{Name: "id", Type: "int8", From: "$.id"}, {Name: "tip", Type: "float8", From: "$.tip", Nullable: true}},
	}
	v := &catalog.Version{Declared: readmodel.Declared{Declaration: d}}
	v.Name, v.Number = "trips", 3
	return catalog.Asked{Version: v}
}

func queryOf(t testing.TB, source string) *filter.Query {
	t.Helper()
	q, err := filter.Parse([]byte(source), tripsVersion().Declaration)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestPageToken_OfModelsIsKeptForEver(t *testing.T) {
	t.Parallel()
	q := queryOf(t, `{"$order_by": {"tip": "desc"}, "$filter": {"id": {"$gt": 5}}}`)
	const golden = "VjPfRqFa0tp7Im0iOiJ0cmlwcyIsInYiOjMsImsiOltudWxsLDQyXX0"
	if token := newPageToken(q, tripsVersion(), []json.RawMessage{[]byte("null"), []byte("42")}); token != golden {
		t.Errorf("got %s", token)
	}
	token, err := parsePageToken(golden)
	if err != nil || token.Model != "trips" || token.Version != 3 {
		t.Fatalf("got %+v, %v", token, err)
	}
	if place, err := token.place(q); err != nil || place[0] != nil || place[1] != int64(42) {
		t.Errorf("got %v, %v", place, err)
	}
}

func FuzzPageToken_OfModelsIsReadOrInvalid(f *testing.F) {
	q := queryOf(f, `{"$order_by": {"tip": "desc"}}`)
	f.Add(newPageToken(q, tripsVersion(), []json.RawMessage{[]byte("1.5"), []byte("42")}))
	f.Add("")
	f.Add("AAAAAAAAAAB7fQ")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parsePageToken(text)
		if err == nil {
			_, err = token.place(q)
		}
		if err != nil && fault.Of(err).Code != fault.CodeInvalidPageToken {
			t.Errorf("got %v", err)
		}
	})
}
