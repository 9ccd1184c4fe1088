package integration

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestList_PagesHoldEveryTimestampOnceInOrder(t *testing.T) {
	t.Parallel()
	s := stack.Shared(t)
	// A stretch of time that no other command of anybody speaks of.
	random := uuid.New()
	from := time.Date(7000+int(random[0]), time.January, 1+int(random[1])%28, int(random[2])%24, int(random[3])%60, 0, 0, time.UTC)
	var want []string
	for n := range 25 {
		at := from.Add(time.Duration(n) * time.Second).Format(time.RFC3339)
		held := mustPost(t, s, "/api/v1/timestamp/"+at)
		want = append(want, strings.TrimSpace(mustRead(t, s, held.id).Body))
	}
	path := fmt.Sprintf("/api/v1/timestamp?from=%s&to=%s&limit=10", from.Format(time.RFC3339), from.Add(25*time.Second).Format(time.RFC3339))
	var got []string
	next := path
	for pages := 1; ; pages++ {
		var page struct {
			Timestamps    []json.RawMessage
			NextPageToken string `json:"next_page_token"`
		}
		decode(t, get(t, s.Query, next), &page)
		for _, timestamp := range page.Timestamps {
			got = append(got, string(timestamp))
		}
		if page.NextPageToken == "" {
			break
		}
		if pages > 3 {
			t.Fatalf("there are more than %d pages of 10 for 25 timestamps", pages)
		}
		next = path + "&page_token=" + url.QueryEscape(page.NextPageToken)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages hold\n%s\nwant\n%s", got, want)
	}
}
