package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the repository, as seen from this package's folder.
const root = "../../.."

// testNames returns the names of all tests in the repository.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range declaration.FindAllSubmatch(source, -1) {
			names[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestGuarantees_NameTestsAndFilesThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/guarantees.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testNames(t)
	named := map[string]bool{}
	for _, match := range regexp.MustCompile("`(Test\\w+)`").FindAllSubmatch(page, -1) {
		named[string(match[1])] = true
		if !tests[string(match[1])] {
			t.Errorf("docs/guarantees.md names %s, which does not exist", match[1])
		}
	}
	for name := range tests {
		if regexp.MustCompile(`^TestG\d+_`).MatchString(name) && !named[name] {
			t.Errorf("docs/guarantees.md does not name %s", name)
		}
	}
	for _, match := range regexp.MustCompile("`([a-z-]+/[a-z-/]+[a-z](?:\\.go)?)`").FindAllSubmatch(page, -1) {
		if _, err := os.Stat(filepath.Join(root, string(match[1]))); err != nil {
			t.Errorf("docs/guarantees.md names %s: %v", match[1], err)
		}
	}
}
