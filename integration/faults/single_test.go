package faults

import (
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/rig"
)

func TestFaults_OneByOne(t *testing.T) {
	r := rig.New(t, rig.Config{})
	r.Begin()
	time.Sleep(3 * time.Second)
	r.Consumers[0].Kill()
	time.Sleep(3 * time.Second)
	r.Heal()
	v := r.Judge()
	a, b := r.Longest()
	t.Logf("%+v %s %s", v, a, b)
}
