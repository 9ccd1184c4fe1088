package embedded_test

import (
	"testing"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestBroker_ATakenPortIsNamed(t *testing.T) {
	first, err := embedded.StartBroker(embedded.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
}
