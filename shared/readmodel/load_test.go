package readmodel_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestLoad_TheBuiltInModelIsTheTimestamps(t *testing.T) {
	t.Parallel()
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := declarations[0]
	if len(declarations) != 1 || d.Label() != "timestamp/v1" || d.Sources[0].Topic != "timestamp.command.v1" {
		t.Errorf("loaded %+v", declarations)
	}
	// Databases hold this fingerprint: as long as version 1 is declared, it must not change.
	const fingerprint = "21e06ca9e6106dccf447601b879bd4acbecc10bc3077076fbbd13e1ac483d032"
	if got := d.Fingerprint(); got != fingerprint {
		t.Errorf("the fingerprint is %s, want %s", got, fingerprint)
	}
}

func TestLoad_SettingsReplaceVariables(t *testing.T) {
	t.Parallel()
	declarations, err := readmodel.Load("", map[string]string{"KAFKA_CONSUMER_TOPIC": "elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	if topic := declarations[0].Sources[0].Topic; topic != "elsewhere" {
		t.Errorf("the topic is %s", topic)
	}
}

const good = `name: things
version: 1
source:
  topic: things.v1
  format: json
key: id
table: things
columns:
  - name: id
    type: uuid
    from: $.id
  - name: seen
    type: timestamptz
    from: $timestamp
primary_key: [id]
write: insert
`

func load(t *testing.T, files map[string]string) error {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := readmodel.Load(dir, nil)
	return err
}

func TestLoad_AFaultNamesFileLineAndCure(t *testing.T) {
	t.Parallel()
	if err := load(t, map[string]string{"good.yaml": good}); err != nil {
		t.Fatal(err)
	}
	for _, c := range faulty {
		err := load(t, map[string]string{"m.yaml": strings.Replace(good, c.old, c.new, 1)})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q instead of %q: %v\nwant %q", c.new, c.old, err, c.want)
		}
	}
}

func TestLoad_AllFaultsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	bad := strings.NewReplacer("version: 1", "version: -1", "type: uuid", "type: guid").Replace(good)
	err := load(t, map[string]string{"a.yaml": bad, "b.yaml": strings.Replace(good, "write: insert", "write: no", 1)})
	for _, want := range []string{"a.yaml:2: version", "a.yaml:10: columns[0].type", "b.yaml:16: write"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestLoad_TheSameNameTwiceIsAFault(t *testing.T) {
	t.Parallel()
	err := load(t, map[string]string{"a.yaml": good, "b.yaml": good})
	if err == nil || !strings.Contains(err.Error(), "the name things is declared in a.yaml already") {
		t.Error(err)
	}
}

func TestLoad_AnEmptyDirectoryIsAFault(t *testing.T) {
	t.Parallel()
	if err := load(t, nil); err == nil {
		t.Error("nothing to do is not an error")
	}
}

func TestLoad_AFolderThatIsNotThereIsCalledSo(t *testing.T) {
	t.Parallel()
	absent := filepath.Join(t.TempDir(), "absent")
	if _, err := readmodel.Load(absent, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), absent) {
		t.Errorf("it says %v", err)
	}
}

func TestG7_AStoredDeclarationIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "\t", "a\tb", "\n", "a\nb\n", "a\r\nb", "\r", ".inf", "-.inf", ".nan", "007", "1e3", "~", "null", "yes",
		"2001-01-01", "12:30:45", "a: b", "a #c", "#c", "'", "\"", "\\", "{", "[]", "|", "---", "\x01", "\u0085", "\u2028", "é",
	} {
		d := &readmodel.Declaration{
			Name: "m", Version: 1, Path: "/m", Sources: []readmodel.Source{{Topic: "m", Format: "json"}}, Table: "m",
			Columns:    []readmodel.Column{{Name: "id", Type: "text", From: "$.id"}, {Name: "kind", Type: "text", From: "$.kind", Default: &text}},
			PrimaryKey: []string{"id"}, Write: readmodel.Insert,
		}
		content, err := d.YAML()
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if kept := declare(t, content); kept.Columns[1].Default == nil || *kept.Columns[1].Default != text || kept.Fingerprint() != d.Fingerprint() {
			t.Errorf("the default %q is read back from\n%s\nas another", text, content)
		}
	}
}
