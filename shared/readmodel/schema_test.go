package readmodel_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// schemaFile is what editors are given.
const schemaFile = "../../docs/read-model.schema.json"

// valid reports what the schema says of a declaration.
func valid(t *testing.T, schema *jsonschema.Schema, declaration string) error {
	t.Helper()
	converted, err := yaml.YAMLToJSON([]byte(declaration))
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(converted))
	if err != nil {
		t.Fatalf("%v: %s", err, converted)
	}
	return schema.Validate(document)
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// everything uses all that a declaration can say.
const everything = `name: things
version: 3
path: /some-things
sources:
  - {topic: "${TOPIC:-a}", format: json}
  - {topic: b, format: json}
key: id
table: some_things
columns:
  - {name: id, type: text, from: $key}
  - {name: a, type: bool, from: $.a, nullable: true}
  - {name: b, type: int4, from: $partition}
  - {name: c, type: int8, from: $offset}
  - {name: d, type: float8, from: "$.d.e[0].f", default: "1.5"}
  - {name: e, type: numeric, from: $.e, default: 0}
  - {name: f, type: "numeric(1000,1000)", from: $.f}
  - {name: g, type: uuid, from: $headers.correlationId}
  - {name: h, type: timestamptz, from: $timestamp}
  - {name: i, type: date, from: $.i}
  - {name: j, type: jsonb, from: $.j}
  - {name: k, type: bytea, from: $.k_-9}
  - {name: l, type: text, from: $topic}
  - {name: m, type: bool, from: $.m, default: true}
primary_key: [id]
write: upsert
on_null: delete
indexes:
  - columns: [a, b]
  - columns: [c]
expected_differences:
  - {column: a, reason: r}
  - {rows: missing, reason: r}
`

func TestSchema_KnowsWhatIsGoodAndWhatIsFaulty(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	goods := map[string]string{"good": good, "everything": everything, "trips": trips, "renamed": tripsRenamed}
	for _, pattern := range []string{"declared/*.yaml", "../../examples/*/*/*.yaml", "../../examples/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			goods[file] = string(content)
		}
	}
	for name, content := range goods {
		if err := load(t, map[string]string{"m.yaml": content}); err != nil {
			t.Errorf("%s is refused: %v", name, err)
		}
		if err := valid(t, schema, content); err != nil {
			t.Errorf("%s is good, and the schema says %v", name, err)
		}
	}
	for _, c := range faulty {
		changed := strings.Replace(good, c.old, c.new, 1)
		if err := valid(t, schema, changed); (err == nil) != c.blind {
			t.Errorf("%q instead of %q: the schema says %v", c.new, c.old, err)
		}
	}
}

// The schema has a property for each key, and each key that must be there is required.
func TestSchema_KnowsEveryKey(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t)
	for kind, at := range map[reflect.Type]*jsonschema.Schema{
		reflect.TypeFor[readmodel.Declaration](): schema,
		reflect.TypeFor[readmodel.Source]():      schema.Properties["source"].Ref,
		reflect.TypeFor[readmodel.Column]():      schema.Properties["columns"].Items.(*jsonschema.Schema).Ref,
		reflect.TypeFor[readmodel.Index]():       schema.Properties["indexes"].Items.(*jsonschema.Schema),
		reflect.TypeFor[readmodel.Expectation](): schema.Properties["expected_differences"].Items.(*jsonschema.Schema).Ref,
	} {
		var keys, required []string
		for i := range kind.NumField() {
			key, options, _ := strings.Cut(kind.Field(i).Tag.Get("yaml"), ",")
			keys = append(keys, key)
			if options == "" {
				required = append(required, key)
			}
		}
		slices.Sort(keys)
		slices.Sort(required)
		if got := slices.Sorted(maps.Keys(at.Properties)); !slices.Equal(got, keys) {
			t.Errorf("%s has the keys %q, the schema %q", kind, keys, got)
		}
		if got := slices.Sorted(slices.Values(at.Required)); !slices.Equal(got, required) {
			t.Errorf("%s needs the keys %q, the schema %q", kind, required, got)
		}
		if at.AdditionalProperties != false {
			t.Errorf("the schema allows unknown keys of %s", kind)
		}
	}
}

// The path of the hint is right where people open the file: in the folder that links to the built-in ones, and where an
// example's own lie. A link to one file has what it leads to.
func TestSchema_IsNamedByTheDeclarations(t *testing.T) {
	t.Parallel()
	hint := regexp.MustCompile(`(?m)^# yaml-language-server: \$schema=(\S+)$`)
	for _, folder := range []string{"../../readmodels", "../../examples/taxi/readmodels"} {
		files, err := filepath.Glob(folder + "/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			named := hint.FindSubmatch(content)
			if named == nil {
				t.Errorf("%s does not name its schema", file)
				continue
			}
			if want, got := filepath.Clean(schemaFile), filepath.Join(folder, string(named[1])); got != want {
				t.Errorf("%s names %s, want %s", file, got, want)
			}
		}
	}
}
