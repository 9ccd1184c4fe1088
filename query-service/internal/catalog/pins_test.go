package catalog_test

import (
	"maps"
	"testing"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
)

func TestPins_AreReadOrRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]catalog.Pins{
		"": {}, "trips=2": {"trips": {Number: 2}}, " trips = 2 , zones=latest,": {"trips": {Number: 2}, "zones": {Latest: true}},
	} {
		var pins catalog.Pins
		if err := pins.Decode(text); err != nil || !maps.Equal(pins, want) {
			t.Errorf("%q: got %v, %v", text, pins, err)
		}
	}
	for _, text := range []string{"trips", "trips=", "trips=0", "trips=-1", "trips=newest", "=1", "trips=1,trips=2"} {
		var pins catalog.Pins
		if err := pins.Decode(text); err == nil {
			t.Errorf("%q is read as %v", text, pins)
		}
	}
}
