package decision_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/position"
)

var accept = decision.Decision{
	Verb: decision.AcceptLoss, ReadModel: "timestamp", Position: position.Position{Topic: "t.v1", Partition: 3, Offset: 17},
	TopicID: uuid.MustParse("7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01"), Checkpoint: new(int64(4)), Reason: "set up anew", By: "ann",
}

// The control topic is kept for ever, and so is this form.
const golden = `{"decision":"accept-loss","read_model":"timestamp","position":"t.v1/3@17","topic_id":"7f3c0c56-8d2a-4b8e-9c52-1f2b6f7b8a01","checkpoint":4,"reason":"set up anew","by":"ann"}`

func TestValue_HasTheFormThatIsKept(t *testing.T) {
	t.Parallel()
	value, err := accept.Value()
	if err != nil || string(value) != golden {
		t.Errorf("%s (%v), want %s", value, err, golden)
	}
	back, err := decision.Parse([]byte(golden))
	if err != nil || !reflect.DeepEqual(back, accept) {
		t.Errorf("%+v (%v)", back, err)
	}
}

func TestParse_RefusesWhatDecidesNothing(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]string{
		{golden, ""}, {golden, "null"}, {golden, "[]"},
		{"accept-loss", "explode"}, {`"timestamp"`, `""`}, {"t.v1/3@17", "t.v1"}, {"set up anew", " "}, {`"ann"`, `""`},
		{"set up anew", strings.Repeat("x", 1001)}, {"set up anew", `\u0000`}, {"7f3c0c56", "nonsense"},
	} {
		if d, err := decision.Parse([]byte(strings.Replace(golden, change[0], change[1], 1))); err == nil {
			t.Errorf("%q instead of %q gives %+v", change[1], change[0], d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte("nonsense"))
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := decision.Parse(value)
		if err != nil {
			return
		}
		again, err := d.Value()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decision.Parse(again); err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%+v became %+v (%v)", d, back, err)
		}
	})
}
