package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/command"
)

// The golden bytes of the published record: they never change.
func TestTimestamp_RecordFormat(t *testing.T) {
	t.Parallel()
	c := command.Timestamp{
		ID: uuid.MustParse("add1f52d-7c56-4c9f-b319-1a266c355f6b"),
		At: time.Date(2006, 1, 2, 17, 4, 5, 120_000_000, time.FixedZone("", 2*3600)),
	}
	if got, want := string(c.Key()), "add1f52d-7c56-4c9f-b319-1a266c355f6b"; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	want := `{"command_id":"add1f52d-7c56-4c9f-b319-1a266c355f6b","event_timestamp":"2006-01-02T15:04:05.12Z"}`
	if got := string(c.Value()); got != want {
		t.Errorf("value %s, want %s", got, want)
	}
	if command.TimestampTopic != "timestamp.command.v1" || command.CorrelationHeader != "correlationId" {
		t.Errorf("topic %s, header %s", command.TimestampTopic, command.CorrelationHeader)
	}
}

func TestNewID_IsAVersion7ThatGrows(t *testing.T) {
	t.Parallel()
	var last string
	for range 1000 {
		id, err := command.NewID()
		if err != nil {
			t.Fatal(err)
		}
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 || id.String() <= last {
			t.Fatalf("id %s, a UUIDv%d, after %s", id, id.Version(), last)
		}
		last = id.String()
	}
}

// The golden ids of keys: a client that repeats its request after an upgrade must hold the same ticket. Computed with
// another implementation of RFC 9562, section 5.5.
func TestIDFromKey_IsTheSameForEver(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"x":                                    "7936ab94-1ab1-573f-82a7-3adb7bad50af",
		"golden":                               "3d4c13cd-173d-59dc-9fa1-3de0c5e2f1a8",
		"3b0f4c0e-6a3f-4d53-9d4e-6c3a52c7a9f1": "ef96b2b0-374f-5978-9bf3-5d48f6f5fcbd",
		strings.Repeat("k", 255):               "249b1bad-39ba-54ec-aa2d-bfe4f654bc25",
	} {
		got, err := command.IDFromKey(key)
		if err != nil || got.String() != want {
			t.Errorf("key %.40s: id %s, want %s: %v", key, got, want, err)
		}
	}
}

func TestIDFromKey_RefusesWhatIsNotAKey(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"empty": "", "256 characters": strings.Repeat("k", 256), "a space": "a b", "a tab": "a\tb", "NUL": "a\x00", "DEL": "a\x7f",
		"a line": "a\n", "not ASCII": "ä", "not UTF-8": "\xff",
	} {
		if id, err := command.IDFromKey(key); err == nil || id != uuid.Nil {
			t.Errorf("%s: id %s, error %v", name, id, err)
		}
	}
}

func FuzzIDFromKey(f *testing.F) {
	f.Add("x")
	f.Add("a b")
	f.Add(strings.Repeat("k", 256))
	f.Fuzz(func(t *testing.T, key string) {
		id, err := command.IDFromKey(key)
		if err != nil {
			return
		}
		if len(key) == 0 || len(key) > 255 || id.Version() != 5 {
			t.Errorf("key %q gives %s", key, id)
		}
		if again, _ := command.IDFromKey(key); again != id {
			t.Errorf("key %q gives %s, then %s", key, id, again)
		}
	})
}
