package position_test

import (
	"math"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/position"
)

// The golden form: clients keep it, so what was once handed out is read for ever.
func TestPosition_Form(t *testing.T) {
	t.Parallel()
	for text, p := range map[string]position.Position{
		"timestamp.command.v1/3@1041":            {Topic: "timestamp.command.v1", Partition: 3, Offset: 1041},
		"a/0@0":                                  {Topic: "a"},
		"A-Z_0.9/2147483647@9223372036854775807": {Topic: "A-Z_0.9", Partition: math.MaxInt32, Offset: math.MaxInt64},
		strings.Repeat("t", 249) + "/1@2":        {Topic: strings.Repeat("t", 249), Partition: 1, Offset: 2},
	} {
		if got := p.String(); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		if got, err := position.Parse(text); err != nil || got != p {
			t.Errorf("%s is read as %+v: %v", text, got, err)
		}
	}
}

func TestParse_RefusesEverythingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "/", "@", "/@", "t/1", "t@1", "t/@1", "t/1@", "/1@2", "t/1@2 ", " t/1@2", "t/1@2\n", "t/-1@2", "t/1@-1", "t/1@-2", "t/+1@2", "t/1@+2",
		"t/0x1@2", "t/1.0@2", "t/1@2@3", "t/1/2@3", "a b/1@2", "ä/1@2", "t/1@٣", "t\x00/1@2", "t/2147483648@0", "t/9999999999@0",
		"t/0@9223372036854775808", "t/99999999999@0", "t/0@99999999999999999999", strings.Repeat("t", 250) + "/1@2", strings.Repeat("9", 10_000),
	} {
		if got, err := position.Parse(text); err == nil || got != (position.Position{}) {
			t.Errorf("%.60q is read as %+v", text, got)
		} else if len(err.Error()) > 200 {
			t.Errorf("%.60q: a message of %d bytes", text, len(err.Error()))
		}
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	if (position.Position{Topic: "t", Offset: position.Unknown}).Known() {
		t.Error("an unknown offset is known")
	}
	if !(position.Position{Topic: "t"}).Known() {
		t.Error("offset 0 is unknown")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("timestamp.command.v1/3@1041")
	f.Add("t/01@002")
	f.Add("t/1@-1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := position.Parse(text)
		if err != nil {
			return
		}
		if p.Partition < 0 || !p.Known() || p.Topic == "" {
			t.Errorf("%q is read as %+v", text, p)
		}
		if again, err := position.Parse(p.String()); err != nil || again != p {
			t.Errorf("%q is read as %+v, and that as %+v: %v", text, p, again, err)
		}
	})
}
