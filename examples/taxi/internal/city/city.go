// Package city makes up the taxis of a city: its zones, and trips between them as a day has them. All of it follows from a
// seed, so that two runs tell the same story.
package city

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Zone is a part of the city, as its record says.
type Zone struct {
	ID      int    `json:"id"`
	Name    string `json:"name"`
	Borough string `json:"borough"`
	Center  Point  `json:"center"`
}

// Point is a place in kilometres from the town hall.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Trip is a ride, as its record says.
type Trip struct {
	Vehicle    int     `json:"vehicle"`
	Pickup     Stop    `json:"pickup"`
	Dropoff    Stop    `json:"dropoff"`
	Passengers int     `json:"passengers,omitempty"` // absent where nobody counted
	DistanceKM float64 `json:"distance_km"`
	Fare       Fare    `json:"fare"`
}

// Stop is where and when a trip began or ended.
type Stop struct {
	Zone int    `json:"zone"`
	At   string `json:"at"` // RFC 3339
}

// Fare is what a trip cost; amounts are decimals in text, as money should be.
type Fare struct {
	Amount  string  `json:"amount"`
	Tip     *string `json:"tip"` // null where it was paid in cash and nobody knows
	Payment string  `json:"payment"`
}

// Record is a record of a topic. A nil value says that what the key names is no more.
type Record struct {
	Key, Value []byte
}

// City is a city with its zones.
type City struct {
	Zones []Zone
	seed  uint64
}

// The parts of names.
var (
	boroughs = []string{"Old Town", "Harbour", "North Bank", "South Bank", "Hills"}
	fronts   = []string{"Market", "Mill", "Castle", "River", "Garden", "Station", "Chapel", "Bridge", "King's", "Lower", "Upper"}
	backs    = []string{"Square", "Gate", "Quarter", "Park", "Row"}
)

// New returns the city of the seed.
func New(seed uint64) *City {
	random := rand.New(rand.NewPCG(seed, 0))
	c := &City{seed: seed}
	for b, borough := range boroughs {
		angle := 2 * math.Pi * float64(b) / float64(len(boroughs))
		for _, i := range random.Perm(len(fronts) * len(backs))[:24] {
			distance := 6 * math.Sqrt(random.Float64())
			c.Zones = append(c.Zones, Zone{
				ID: len(c.Zones) + 1, Name: fronts[i%len(fronts)] + " " + backs[i/len(fronts)], Borough: borough,
				Center: Point{round(5*math.Cos(angle) + distance*random.NormFloat64()/2), round(5*math.Sin(angle) + distance*random.NormFloat64()/2)},
			})
		}
	}
	return c
}

// ZoneRecords returns a record for each zone.
func (c *City) ZoneRecords() []Record {
	records := make([]Record, len(c.Zones))
	for i, zone := range c.Zones {
		records[i] = Record{[]byte(strconv.Itoa(zone.ID)), encode(zone)}
	}
	return records
}

// began is when the first trip of every city begins.
var began = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// TripRecords returns what is said of the nth trip, in order: the trip; for some a correction of the fare; for a few that
// they were cancelled.
func (c *City) TripRecords(n int) []Record {
	random := rand.New(rand.NewPCG(c.seed, uint64(n)+1))
	trip := c.trip(random, n)
	key := []byte(id(c.seed, n).String())
	records := []Record{{key, encode(trip)}}
	switch chance := random.Float64(); {
	case chance < 0.005:
		records = append(records, Record{Key: key})
	case chance < 0.035:
		trip.Fare.Amount = money(3 + 2.4*trip.DistanceKM + 5*random.Float64())
		records = append(records, Record{key, encode(trip)})
	}
	return records
}

func (c *City) trip(random *rand.Rand, n int) Trip {
	from, to := c.Zones[random.IntN(len(c.Zones))], c.Zones[random.IntN(len(c.Zones))]
	distance := round(1.3*math.Hypot(from.Center.X-to.Center.X, from.Center.Y-to.Center.Y) + 0.4 + random.Float64())
	start := began.Add(time.Duration(n)*700*time.Millisecond + time.Duration(random.IntN(600))*time.Second)
	speed := 18 + 14*random.Float64() // km/h
	if hour := start.Hour(); hour >= 7 && hour < 10 || hour >= 16 && hour < 19 {
		speed *= 0.6
	}
	end := start.Add(time.Duration(distance / speed * float64(time.Hour))).Truncate(time.Second)
	fare := 3 + 2.4*distance
	t := Trip{
		Vehicle: 1000 + random.IntN(2500), Pickup: Stop{from.ID, start.Format(time.RFC3339)}, Dropoff: Stop{to.ID, end.Format(time.RFC3339)},
		DistanceKM: distance, Fare: Fare{Amount: money(fare), Payment: "cash"},
	}
	if random.Float64() < 0.95 {
		t.Passengers = 1 + int(math.Abs(random.NormFloat64())*1.2)
	}
	if random.Float64() < 0.7 {
		tip := money(fare * 0.2 * random.Float64())
		t.Fare.Payment, t.Fare.Tip = "card", &tip
	}
	return t
}

// id returns the trip's id, a UUIDv7 (RFC 9562, section 5.7) of a time that follows from n.
func id(seed uint64, n int) uuid.UUID {
	random := rand.New(rand.NewPCG(seed, ^uint64(n)))
	var u uuid.UUID
	millis := uint64(began.UnixMilli()) + uint64(n)*700
	for i := range 6 {
		u[i] = byte(millis >> (40 - 8*i))
	}
	low, high := random.Uint64(), random.Uint64()
	for i := range 8 {
		u[8+i] = byte(low >> (8 * i))
	}
	u[6], u[7] = 0x70|byte(high)&0x0f, byte(high>>8)
	u[8] = u[8]&0x3f | 0x80
	return u
}

func round(x float64) float64 { return math.Round(x*100) / 100 }

func money(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err)) // only numbers that are not finite, which nothing here is
	}
	return b
}
