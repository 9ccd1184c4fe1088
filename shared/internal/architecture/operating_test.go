package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	metric  = regexp.MustCompile(`"(counterfoil_[a-z_]+_(?:total|seconds|records|refused|flight|waiting))"`) // not roles and channels
	setting = regexp.MustCompile(`envconfig:"([A-Z_]+)"(?: default:"([^"]*)")?`)
	row     = regexp.MustCompile("(?m)^\\|.*$")
	name    = regexp.MustCompile("`([A-Z][A-Z_]+|counterfoil_[a-z_]+)`")
)

// An operator finds every metric and every setting, with its default, and nothing that is not there.
func TestOperating_NamesEveryMetricAndSettingAndNoOther(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs/operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{} // by what the first cell names
	for _, line := range row.FindAllString(string(page), -1) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for _, found := range name.FindAllStringSubmatch(first, -1) {
			rows[found[1]] = line
		}
	}
	known := map[string]bool{}
	for _, source := range sources(t) {
		for _, found := range metric.FindAllStringSubmatch(source, -1) {
			known[found[1]] = true
			if rows[found[1]] == "" {
				t.Errorf("docs/operating.md does not name the metric %s", found[1])
			}
		}
		for _, found := range setting.FindAllStringSubmatch(source, -1) {
			known[found[1]] = true
			if line := rows[found[1]]; line == "" || !strings.Contains(line, found[2]) {
				t.Errorf("docs/operating.md does not name the setting %s with its default %q: %s", found[1], found[2], line)
			}
		}
	}
	if len(known) < 30 {
		t.Errorf("there are %d metrics and settings: are they looked for?", len(known))
	}
	for named := range rows {
		if !known[named] && !strings.HasPrefix(named, "counterfoil_db_pool_") { // whose names the pool puts together
			t.Errorf("docs/operating.md names %s, which is not there", named)
		}
	}
}

// sources returns the Go files of the services and of what they share, without tests.
func sources(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, module := range []string{"shared", "command-service", "consumer-service", "query-service"} {
		err := filepath.WalkDir(filepath.Join(root, module), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
				return err
			}
			content, err := os.ReadFile(file)
			all = append(all, string(content))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}
