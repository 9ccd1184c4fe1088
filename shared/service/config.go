package service

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/kelseyhightower/envconfig"
)

// FromEnvironment fills the struct that cfg points to from the environment, by the tags of envconfig: envconfig (the
// variable), default, desc. A field tagged secret:"true" is also read from the file that its variable with _FILE
// appended names. All faults are reported at once, one a line; a variable that cannot be read leaves its field at the
// default, so that a validation of the whole finds no second fault in it.
func FromEnvironment(cfg any) error {
	var faults []error
	for field, value := range settings(cfg) {
		if secret, ok, err := secretFromFile(field); err != nil {
			faults = append(faults, err)
			continue
		} else if ok {
			value.SetString(secret)
			continue
		}
		if err := readSetting(field, value); err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

// readSetting sets value to what the variable of its field says. envconfig stops at its first fault, so each field is
// processed as a struct of its own.
func readSetting(field reflect.StructField, value reflect.Value) error {
	single := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	err := envconfig.Process("", single.Interface())
	if err != nil {
		err = describe(field, err)
		single = defaultOf(field)
	}
	value.Set(single.Elem().Field(0))
	return err
}

// defaultOf returns what readSetting would have read were the variable not set.
func defaultOf(field reflect.StructField) reflect.Value {
	field.Tag = reflect.StructTag(fmt.Sprintf("envconfig:%q default:%q", "COUNTERFOIL_NEVER_SET", field.Tag.Get("default")))
	single := reflect.New(reflect.StructOf([]reflect.StructField{field}))
	if err := envconfig.Process("", single.Interface()); err != nil {
		panic("the default of " + field.Name + " cannot be read: " + err.Error()) // the struct is wrong, for every environment
	}
	return single
}

// settings yields the fields of the struct that cfg points to which are read from the environment, those of structs
// within it included.
func settings(cfg any) func(yield func(reflect.StructField, reflect.Value) bool) {
	var walk func(v reflect.Value, yield func(reflect.StructField, reflect.Value) bool) bool
	walk = func(v reflect.Value, yield func(reflect.StructField, reflect.Value) bool) bool {
		for i := range v.NumField() {
			field := v.Type().Field(i)
			switch {
			case field.IsExported() && field.Tag.Get("envconfig") == "" && field.Type.Kind() == reflect.Struct:
				if !walk(v.Field(i), yield) {
					return false
				}
			case field.Tag.Get("envconfig") != "":
				if !yield(field, v.Field(i)) {
					return false
				}
			}
		}
		return true
	}
	return func(yield func(reflect.StructField, reflect.Value) bool) { walk(reflect.ValueOf(cfg).Elem(), yield) }
}

// secretFromFile returns the content of the file that the variable with _FILE appended names, without its line ending.
func secretFromFile(field reflect.StructField) (secret string, ok bool, err error) {
	name := field.Tag.Get("envconfig")
	file := os.Getenv(name + "_FILE")
	if field.Tag.Get("secret") == "" || file == "" {
		return "", false, nil
	}
	if os.Getenv(name) != "" {
		return "", false, fmt.Errorf("%s and %s_FILE are both set; keep one", name, name)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", false, fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimRight(string(content), "\r\n"), true, nil
}

// describe says what a variable should have been without repeating its value, which may be a secret.
func describe(field reflect.StructField, err error) error {
	if parse, ok := errors.AsType[*envconfig.ParseError](err); ok {
		form := parse.TypeName
		if form == "time.Duration" {
			form = "duration such as 5s or 250ms"
		}
		if meaning := field.Tag.Get("desc"); meaning != "" {
			form += " (" + meaning + ")"
		}
		return fmt.Errorf("%s is not a valid %s", parse.KeyName, form)
	}
	return fmt.Errorf("%s: %w", field.Tag.Get("envconfig"), err)
}

// PrintUsage writes every variable of the struct that cfg points to with its default and meaning.
func PrintUsage(w io.Writer, name string, cfg any) {
	fmt.Fprintf(w, "Usage: %s [--health]\n\n", name)
	fmt.Fprintf(w, "--health asks the one that runs here, on SERVER_PORT, whether it is ready: exit code 0 if it is, else 1.\n\n")
	fmt.Fprintf(w, "The environment configures it:\n\n")
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "VARIABLE\tDEFAULT\tMEANING")
	for field := range settings(cfg) {
		variable, meaning := field.Tag.Get("envconfig"), field.Tag.Get("desc")
		if field.Tag.Get("secret") != "" {
			meaning += " (or the file named by " + variable + "_FILE)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", variable, field.Tag.Get("default"), meaning)
	}
	table.Flush()
	fmt.Fprintf(w, "\nExit codes: 0 stopped as asked, 1 failed, 2 wrong configuration.\n")
	fmt.Fprintf(w, "The first SIGTERM or SIGINT drains, the second one exits at once.\n")
}
