package fault_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/counterfoil/counterfoil/shared/fault"
)

func TestDocs_ListEveryCodeAndNoOther(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[fault.Code]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(page, -1) {
		listed[fault.Code(row[1])] = true
	}
	for code := range fault.Codes {
		if !listed[code] {
			t.Errorf("docs/errors.md does not list %s", code)
		}
	}
	for code := range listed {
		if _, ok := fault.Codes[code]; !ok {
			t.Errorf("docs/errors.md lists %s, which is no code", code)
		}
	}
}
