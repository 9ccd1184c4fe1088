package contest

import (
	"math"
	"slices"
	"strconv"
)

// A Metric is something that a round can show.
type Metric struct {
	Key   string
	Head  string // of its column, with the unit
	Brief bool   // shown while the contest runs
}

// The keys of the metrics that several kinds of contests have.
const (
	Rate   = "rate"
	P50    = "p50"
	P99    = "p99"
	P999   = "p999"
	Errors = "errors"
)

// CPU returns the key of the CPU seconds per 1000 requests or rows that a process took: client, service, broker, postgres,
// or command, consumer and query where all services have their part.
func CPU(process string) string { return "cpu_" + process }

// MemoryOf returns the key of the peak memory of a process.
func MemoryOf(process string) string { return "memory_" + process }

// Metrics are all that there are, in the order of a table's columns.
var Metrics = []Metric{
	{Rate, "per second", true},
	{"seconds", "seconds", true},
	{P50, "p50 ms", true},
	{P99, "p99 ms", true},
	{P999, "p99.9 ms", false},
	{"ack_p50", "ticket p50 ms", false},
	{"ack_p99", "ticket p99 ms", false},
	{"live_p99_before", "ticket p99 ms before", true},
	{"live_p99_during", "ticket p99 ms during", true},
	{Errors, "errors", true},
	{CPU("client"), "CPU s/1000 client", false},
	{CPU("service"), "CPU s/1000 service", false},
	{CPU("command"), "CPU s/1000 command-service", false},
	{CPU("consumer"), "CPU s/1000 consumer-service", false},
	{CPU("query"), "CPU s/1000 query-service", false},
	{CPU("broker"), "CPU s/1000 broker", false},
	{CPU("postgres"), "CPU s/1000 PostgreSQL", false},
	{MemoryOf("service"), "peak MiB service", false},
	{MemoryOf("command"), "peak MiB command-service", false},
	{MemoryOf("consumer"), "peak MiB consumer-service", false},
	{MemoryOf("query"), "peak MiB query-service", false},
}

// Format returns the value with three significant digits.
func (m Metric) Format(value float64) string { return Number(value) }

// Number returns the value with three significant digits, and without an exponent.
func Number(value float64) string {
	if value == 0 || math.IsNaN(value) || math.IsInf(value, 0) {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(value)))))
	scale := math.Pow(10, float64(2-int(math.Floor(math.Log10(math.Abs(value))))))
	return strconv.FormatFloat(math.Round(value*scale)/scale, 'f', digits, 64)
}

// Has reports whether any round of any row showed the metric.
func (t Table) Has(key string) bool {
	return slices.ContainsFunc(t.Rows, func(r Row) bool {
		return slices.ContainsFunc(r.Samples, func(s Sample) bool { _, ok := s[key]; return ok })
	})
}

// Spread is the middle of the rounds with the lowest and the highest.
type Spread struct{ Median, Low, High float64 }

// Of returns the spread of the values; false where there are none.
func Of(values []float64) (Spread, bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + values[middle]) / 2
	}
	return Spread{median, values[0], values[len(values)-1]}, true
}

// Spread returns the metric's spread over the rounds of the row.
func (r Row) Spread(key string) (Spread, bool) {
	var values []float64
	for _, s := range r.Samples {
		if value, ok := s[key]; ok {
			values = append(values, value)
		}
	}
	return Of(values)
}

// Ratio returns the spread of the row's rate against that of the baseline, or of whom the row names, in the same round.
func (t Table) Ratio(r Row) (Spread, bool) {
	against := t.Baseline
	if r.Against != "" {
		against = r.Against
	}
	at := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Name == against })
	if at < 0 {
		return Spread{}, false
	}
	base := t.Rows[at]
	var ratios []float64
	for i := range min(len(r.Samples), len(base.Samples)) {
		if mine, its := r.Samples[i][Rate], base.Samples[i][Rate]; its > 0 {
			ratios = append(ratios, mine/its)
		}
	}
	return Of(ratios)
}
