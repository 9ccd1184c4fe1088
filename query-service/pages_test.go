package queryservice_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const largeYAML = `
name: documents
source: {topic: documents.v1, format: json}
columns:
  - {name: id, type: int8, from: $.id}
  - {name: body, type: text, from: $.body}
primary_key: [id]
write: insert
`

// Pages end by their size too, so that the answer to a short query is never a gigabyte, and each row is on one page.
func TestPages_LargeRowsEndAPageBeforeItsLimit(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	db := newDatabase(t)
	db.declare(largeYAML)
	db.exec(db.SuperURL, `INSERT INTO documents_v1.documents SELECT n, repeat('x', 1000000) FROM generate_series(1, 9) n`)
	db.exec(db.SuperURL, `INSERT INTO documents_v1.documents VALUES (10, 'short')`)
	s, c := startWithGRPC(t, db)

	ids := func(body string) (ids []int) {
		var page []struct{ ID int }
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err)
		}
		for _, row := range page {
			ids = append(ids, row.ID)
		}
		return ids
	}
	want := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	var listed, queried, called []int
	pages := 0
	for path := "/documents?limit=1000"; path != ""; pages++ {
		a := s.get(path)
		if a.status != http.StatusOK || len(a.body) > 4*mib {
			t.Fatalf("%s: status %d with %d bytes", path, a.status, len(a.body))
		}
		listed = append(listed, ids(a.body)...)
		path, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if !slices.Equal(listed, want) || pages != 3 {
		t.Errorf("the list has %v on %d pages", listed, pages)
	}
	for after := ""; ; {
		a := s.post("/documents/query", `{"$limit": 1000, "$order_by": {"id": "desc"}`+after+`}`)
		queried = append(queried, ids(a.body)...)
		token := a.header.Get("Next-Page-Token")
		if token == "" {
			break
		}
		after = fmt.Sprintf(`, "$after": %q`, token)
	}
	slices.Reverse(queried)
	if !slices.Equal(queried, want) {
		t.Errorf("the queries gave %v", queried)
	}
	// A client of gRPC takes answers of at most 4 MiB where it does not say otherwise.
	for after := ""; ; {
		query, err := json.Marshal(map[string]string{"query": `{"$limit": 1000` + after + `}`})
		if err != nil {
			t.Fatal(err)
		}
		answer := c.must("counterfoil.generated.documents.Documents", "query", string(query))
		for _, record := range answer["records"].([]any) {
			var id int
			if _, err := fmt.Sscan(record.(map[string]any)["id"].(string), &id); err != nil {
				t.Fatal(err)
			}
			called = append(called, id)
		}
		token, more := answer["next"].(string)
		if !more {
			break
		}
		after = fmt.Sprintf(`, "$after": %q`, token)
	}
	if !slices.Equal(called, want) {
		t.Errorf("the calls gave %v", called)
	}
	// One that fills a page to its limit of rows and of bytes has no page behind it.
	if a := s.post("/documents/query", `{"$limit": 4, "$filter": {"id": {"$gt": 6}}}`); len(ids(a.body)) != 4 || a.header.Get("Next-Page-Token") != "" {
		t.Errorf("the last page: %d bytes, next %q", len(a.body), a.header.Get("Next-Page-Token"))
	}
}
