package load

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress_CountsWhileThereIsSomethingToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p Progress
		pass := func(d time.Duration) { <-time.After(d) }
		p.begin()
		pass(2 * time.Second)
		p.step()
		pass(3 * time.Second)
		if longest := p.Longest(); longest != 3*time.Second {
			t.Errorf("under way: %s", longest)
		}
		pass(time.Second)
		p.end()
		pass(time.Hour)
		if longest := p.Longest(); longest != time.Second {
			t.Errorf("when it has ended: %s", longest)
		}
		p.begin()
		pass(4 * time.Second)
		p.step()
		if longest := p.Longest(); longest != 4*time.Second {
			t.Errorf("when it goes on: %s", longest)
		}
	})
}
