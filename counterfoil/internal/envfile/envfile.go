// Package envfile reads and writes files of KEY=value lines, as `counterfoil dev` leaves them for other tools.
//
// The same file can be read by a shell (`. ./.counterfoil/env`), by docker's --env-file and by this package, so values
// hold no character that one of them treats differently from the others.
package envfile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Variable is one line of a file.
type Variable struct{ Name, Value string }

// unquoted are the characters that mean the same with and without a shell.
var unquoted = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=?-]*$`)

// Read returns the variables of a file. Empty lines and those that begin with # are passed over.
func Read(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	for i, line := range strings.Split(string(content), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%s:%d: is not KEY=value", path, i+1)
		}
		variables[name] = value
	}
	return variables, nil
}

// Plain reports whether a value can be written to a file.
func Plain(value string) bool { return unquoted.MatchString(value) }

// Write replaces the file as a whole, readable by its owner only, since values may be secrets.
func Write(path, comment string, variables []Variable) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", comment)
	for _, v := range variables {
		if !Plain(v.Value) {
			return fmt.Errorf("write %s: the value of %s would need quotes", path, v.Name)
		}
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	// CreateTemp makes a file that only its owner can read.
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.WriteString(b.String())
	if err == nil {
		err = temporary.Sync()
	}
	if closeErr := temporary.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
