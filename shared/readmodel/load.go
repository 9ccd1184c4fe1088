package readmodel

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

//go:embed declared/*.yaml
var declared embed.FS

// Load reads all declarations of a directory, or those built into the program where dir is "". Variables written
// ${NAME:-default} are taken from settings. The error names file, line, what is wrong and what would be right, for every
// fault that was found.
func Load(dir string, settings map[string]string) ([]*Declaration, error) {
	var files fs.FS
	if dir == "" {
		var err error
		if files, err = fs.Sub(declared, "declared"); err != nil {
			return nil, err
		}
	} else {
		if _, err := os.ReadDir(dir); err != nil { // which a glob keeps to itself
			return nil, fmt.Errorf("read models: %w", err)
		}
		files = os.DirFS(dir)
	}
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("read models in %q: %w", dir, errNoModels)
	}
	var declarations []*Declaration
	var faults []error
	by := map[string]string{} // file that declares a name or a path
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		d, err := parse(name, content, settings)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, taken := range []string{"name " + d.Name, "path " + d.Path} {
			if other, twice := by[taken]; twice {
				faults = append(faults, fmt.Errorf("%s: the %s is declared in %s already; choose another", name, taken, other))
			}
			by[taken] = name
		}
		declarations = append(declarations, d)
	}
	return declarations, errors.Join(faults...)
}

// parse reads one declaration. Unknown keys are faults.
func parse(name string, content []byte, settings map[string]string) (*Declaration, error) {
	var d Declaration
	if err := yaml.UnmarshalWithOptions(content, &d, yaml.Strict()); err != nil {
		return nil, syntaxFault(name, err)
	}
	short := d.Source != nil && d.Sources == nil
	d.complete()
	var faults []error
	say := func(path string, message any) {
		if short {
			path = strings.Replace(path, "$.sources[0]", "$.source", 1)
		}
		faults = append(faults, fmt.Errorf("%s:%d: %s %v", name, lineOf(content, path), strings.TrimPrefix(path, "$."), message))
	}
	for i := range d.Sources {
		topic, err := expand(d.Sources[i].Topic, settings)
		if err != nil {
			say(fmt.Sprintf("$.sources[%d].topic", i), err)
		}
		d.Sources[i].Topic = topic
	}
	for _, p := range d.check() {
		say(p.path, p.message)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &d, nil
}

// syntaxFault gives the errors of the YAML library the form file:line: message.
func syntaxFault(name string, err error) error {
	located, ok := errors.AsType[yaml.Error](err)
	if !ok || located.GetToken() == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	at := located.GetToken().Position
	return fmt.Errorf("%s:%d:%d: %s", name, at.Line, at.Column, located.GetMessage())
}

// lineOf returns the line on which the value at the YAML path begins, or that of the nearest parent that exists.
func lineOf(content []byte, path string) int {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return 1
	}
	for path != "$" && path != "" {
		if p, err := yaml.PathString(path); err == nil {
			if node, err := p.FilterFile(file); err == nil && node != nil && node.Type() != ast.NullType {
				return node.GetToken().Position.Line
			}
		}
		path = path[:strings.LastIndexAny(path, ".[")]
	}
	return 1
}

var variable = regexp.MustCompile(`\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}`)

// expand replaces ${NAME} and ${NAME:-default}.
func expand(text string, settings map[string]string) (string, error) {
	var err error
	expanded := variable.ReplaceAllStringFunc(text, func(reference string) string {
		parts := variable.FindStringSubmatch(reference)
		if value := settings[parts[1]]; value != "" {
			return value
		}
		if !strings.Contains(reference, ":-") {
			err = fmt.Errorf("uses %s, which is not set and has no default; write ${%s:-default}", parts[1], parts[1])
		}
		return parts[2]
	})
	return expanded, err
}
