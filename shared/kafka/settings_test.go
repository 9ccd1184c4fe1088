package kafka

import (
	"testing"
	"time"
)

func TestGroup_AMemberWaitsForItsJoinForAsLongAsARebalanceMayTake(t *testing.T) {
	t.Parallel()
	group := &Group{cfg: GroupConfig{SessionTimeout: 10 * time.Second}}
	settings := group.settings()
	if settings.Net.ReadTimeout <= settings.Consumer.Group.Rebalance.Timeout {
		t.Errorf("a join is given up after %s, and a rebalance may take %s", settings.Net.ReadTimeout, settings.Consumer.Group.Rebalance.Timeout)
	}
	if err := settings.Validate(); err != nil {
		t.Error(err)
	}
}
