package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const ours = "github.com/counterfoil/counterfoil/"

// use is one import of one package by another. Packages of ours are named by their folder in the repository.
type use struct {
	by   string
	test bool // by a _test.go file
	of   string
}

// The rules. Each returns what is wrong with an import, or "".
var rules = []func(use) string{
	sarama, echo, pgx, testHelpers, embeddedServers, blackBox, services, edges, contracts,
}

// sarama stays where its defaults are mended. bench measures what others make of it.
func sarama(u use) string {
	if within(u.of, "github.com/IBM/sarama") && u.by != "shared/kafka" && !within(u.by, "bench") {
		return "sarama stays in shared/kafka"
	}
	return ""
}

// echo stays at the edge: it will be replaced one day.
func echo(u use) string {
	if within(u.of, "github.com/labstack/echo") && u.by != "shared/web" && path.Base(u.by) != "api" && !within(u.by, "bench") {
		return "echo stays in shared/web and in packages called api"
	}
	return ""
}

// pgx stays with those whose job is SQL. Tests may look into the database.
func pgx(u use) string {
	homes := []string{"postgres", "readmodel", "apply", "control", "read", "ticket", "wait", "rebuild"}
	if within(u.of, "github.com/jackc/pgx") && !u.test && !helpsTests(u.by) && !slices.Contains(homes, path.Base(u.by)) {
		return "pgx stays in " + strings.Join(homes, ", ")
	}
	return ""
}

// testHelpers never reach a binary.
func testHelpers(u use) string {
	if helpsTests(u.of) && !u.test && !helpsTests(u.by) {
		return "it is for tests only"
	}
	return ""
}

// embeddedServers are for tests and for counterfoil dev.
func embeddedServers(u use) string {
	if within(u.of, "shared/embedded") && !u.test && !helpsTests(u.by) && !within(u.by, "counterfoil") {
		return "only the CLI and tests start servers of their own"
	}
	return ""
}

// blackBox modules stand outside.
func blackBox(u use) string {
	for _, outside := range []string{"integration", "bench"} {
		if within(u.of, outside) && !within(u.by, outside) {
			return "nothing depends on " + outside
		}
		if within(u.by, outside) && (isService(module(u.of)) || within(u.of, "counterfoil")) {
			return outside + " knows the services from outside only"
		}
	}
	return ""
}

// services know each other by topics, tables and HTTP only; the CLI runs them all.
func services(u use) string {
	switch of, by := module(u.of), module(u.by); {
	case isService(of) && of != by && by != "counterfoil":
		return "a service is not a library"
	case of == "counterfoil" && of != by:
		return "the CLI is not a library"
	}
	return ""
}

// edges of a service, api and delivery, are wired by its service.go; what is further in does not know them.
func edges(u use) string {
	edge := path.Base(u.of) == "api" || path.Base(u.of) == "delivery"
	if isService(module(u.of)) && edge && u.by != module(u.of) && u.by != u.of {
		return "only service.go wires " + path.Base(u.of)
	}
	return ""
}

// contracts are understood without the platform, and fault without anything.
func contracts(u use) string {
	names := []string{"shared/command", "shared/decision", "shared/fault", "shared/outcome", "shared/position", "shared/readmodel"}
	switch {
	case u.test || !slices.Contains(names, u.by) || !within(u.of, "shared"):
		return ""
	case u.by == "shared/fault":
		return "fault depends on nothing of ours"
	case !slices.Contains(names, u.of) && !(u.by == "shared/readmodel" && u.of == "shared/postgres"):
		return "a contract does not depend on the platform"
	}
	return ""
}

// helpsTests reports whether a package exists for tests only.
func helpsTests(folder string) bool {
	return within(folder, "shared/kafkatest") || within(folder, "shared/pgtest") || within(folder, "integration") || within(folder, "bench")
}

func isService(module string) bool {
	return strings.HasSuffix(module, "-service") || module == "original-api" || module == "gateway"
}

// module returns the first element of a package's folder.
func module(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	return first
}

// within reports whether a package is at or below a path.
func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

func broken(u use) string {
	for _, rule := range rules {
		if wrong := rule(u); wrong != "" {
			return wrong
		}
	}
	return ""
}

func TestImports_GoOneWay(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, module := range modules(t) {
		for file, uses := range imports(t, module) {
			for _, u := range uses {
				seen[module] = true
				if wrong := broken(u); wrong != "" {
					t.Errorf("%s imports %s: %s", file, u.of, wrong)
				}
			}
		}
		if !seen[module] {
			t.Errorf("module %s has no imports: is it looked at?", module)
		}
	}
	for _, must := range []string{"shared", "command-service", "consumer-service", "query-service", "counterfoil", "integration", "bench"} {
		if !seen[must] {
			t.Errorf("module %s was not looked at", must)
		}
	}
}

// The rules hold somebody back, and let through what they are not for.
func TestImports_RulesRefuseWhatTheyShould(t *testing.T) {
	t.Parallel()
	for _, u := range []use{
		{"command-service/internal/accept", false, "github.com/IBM/sarama"},
		{"command-service", true, "github.com/IBM/sarama/mocks"},
		{"shared/kafkatest", false, "github.com/IBM/sarama"},
		{"query-service/internal/read", false, "github.com/labstack/echo/v4"},
		{"shared/telemetry", false, "github.com/labstack/echo/v4/middleware"},
		{"consumer-service/internal/delivery", false, "github.com/jackc/pgx/v5"},
		{"query-service/internal/api", false, "github.com/jackc/pgx/v5/pgxpool"},
		{"shared/kafka", false, "shared/kafkatest"},
		{"counterfoil/internal/dev", false, "shared/pgtest"},
		{"shared/kafka", false, "shared/kafkatest/apache"},
		{"command-service", false, "shared/embedded"},
		{"shared/postgres", false, "shared/embedded"},
		{"command-service", true, "integration/internal/stack"},
		{"shared/kafka", false, "bench"},
		{"integration", true, "command-service"},
		{"bench/internal/peer", false, "command-service/internal/accept"},
		{"integration/internal/stack", false, "counterfoil/internal/dev"},
		{"query-service/internal/ticket", false, "consumer-service/internal/apply"},
		{"shared/service", false, "command-service"},
		{"shared/service", true, "command-service"},
		{"command-service", false, "counterfoil/internal/dev"},
		{"command-service/internal/accept", false, "command-service/internal/api"},
		{"consumer-service/internal/apply", false, "consumer-service/internal/delivery"},
		{"query-service/cmd/query-service", false, "query-service/internal/api"},
		{"shared/fault", false, "shared/position"},
		{"shared/command", false, "shared/web"},
		{"shared/position", false, "shared/kafka"},
		{"shared/readmodel", false, "shared/kafka"},
	} {
		if broken(u) == "" {
			t.Errorf("%+v is let through", u)
		}
	}
	for _, u := range []use{
		{"shared/kafka", false, "github.com/IBM/sarama"},
		{"shared/web", false, "github.com/labstack/echo/v4"},
		{"query-service/internal/api", false, "github.com/labstack/echo/v4"},
		{"shared/postgres", false, "github.com/jackc/pgx/v5"},
		{"consumer-service/internal/apply", false, "github.com/jackc/pgx/v5"},
		{"consumer-service/internal/delivery", true, "github.com/jackc/pgx/v5"},
		{"shared/kafka", true, "shared/kafkatest"},
		{"integration/internal/stack", false, "shared/pgtest"},
		{"bench/internal/peer", false, "github.com/IBM/sarama"},
		{"bench/internal/peer", false, "github.com/labstack/echo/v4"},
		{"bench/internal/rig", false, "shared/embedded"},
		{"shared/pgtest", false, "shared/embedded"},
		{"counterfoil/internal/dev", false, "shared/embedded"},
		{"counterfoil/internal/dev", false, "command-service"},
		{"command-service/cmd/command-service", false, "command-service"},
		{"command-service", false, "command-service/internal/api"},
		{"command-service/internal/api", true, "command-service/internal/api"},
		{"shared/readmodel", false, "shared/postgres"},
		{"shared/command", false, "shared/fault"},
		{"shared/command", true, "shared/kafkatest"},
	} {
		if wrong := broken(u); wrong != "" {
			t.Errorf("%+v is refused: %s", u, wrong)
		}
	}
}

// modules returns the folders that go.work names.
func modules(t *testing.T) []string {
	t.Helper()
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, found := range regexp.MustCompile(`(?m)^\s*(?:use\s+)?\./(\S+)$`).FindAllSubmatch(work, -1) {
		folders = append(folders, string(found[1]))
	}
	return folders
}

// imports returns what each Go file of a module imports, whatever its build tags.
func imports(t *testing.T, module string) map[string][]use {
	t.Helper()
	found := map[string][]use{}
	err := filepath.WalkDir(filepath.Join(root, module), func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "node_modules") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		for _, spec := range parsed.Imports {
			of, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[name] = append(found[name], use{
				by: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), of: strings.TrimPrefix(of, ours),
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
