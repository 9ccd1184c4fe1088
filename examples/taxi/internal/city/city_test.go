package city_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/examples/taxi/internal/city"
)

func TestCity_TheSameSeedTellsTheSameStory(t *testing.T) {
	t.Parallel()
	one, two, other := city.New(7), city.New(7), city.New(8)
	same := 0
	for n := range 500 {
		a, b := one.TripRecords(n), two.TripRecords(n)
		if len(a) != len(b) {
			t.Fatalf("trip %d has %d and %d records", n, len(a), len(b))
		}
		for i := range a {
			if string(a[i].Key) != string(b[i].Key) || string(a[i].Value) != string(b[i].Value) {
				t.Fatalf("trip %d differs: %s and %s", n, a[i].Value, b[i].Value)
			}
		}
		if string(a[0].Value) == string(other.TripRecords(n)[0].Value) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d trips of another city are the same", same)
	}
}

func TestTripRecords_AreWhatADayHas(t *testing.T) {
	t.Parallel()
	c := city.New(1)
	ids := map[string]bool{}
	corrected, cancelled, tips := 0, 0, 0
	const trips = 5000
	for n := range trips {
		records := c.TripRecords(n)
		id, err := uuid.ParseBytes(records[0].Key)
		if err != nil || id.Version() != 7 || id.Variant() != uuid.RFC4122 {
			t.Fatalf("%s is no UUIDv7: %v", records[0].Key, err)
		}
		ids[id.String()] = true
		var trip city.Trip
		if err := json.Unmarshal(records[0].Value, &trip); err != nil {
			t.Fatal(err)
		}
		from, err1 := time.Parse(time.RFC3339, trip.Pickup.At)
		to, err2 := time.Parse(time.RFC3339, trip.Dropoff.At)
		if err1 != nil || err2 != nil || !to.After(from) || to.Sub(from) > 6*time.Hour || trip.DistanceKM <= 0 {
			t.Fatalf("trip %d takes from %s to %s for %v km", n, trip.Pickup.At, trip.Dropoff.At, trip.DistanceKM)
		}
		if trip.Fare.Tip != nil {
			tips++
		}
		if len(records) == 2 && records[1].Value == nil {
			cancelled++
		} else if len(records) == 2 {
			corrected++
		}
	}
	if len(ids) != trips {
		t.Errorf("%d ids for %d trips", len(ids), trips)
	}
	if corrected < 75 || cancelled < 10 || tips < trips/2 {
		t.Errorf("%d corrected, %d cancelled, %d with a tip", corrected, cancelled, tips)
	}
}
