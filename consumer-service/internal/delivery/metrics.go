package delivery

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Metrics are those of all handlers of a process.
type Metrics struct {
	batches   *prometheus.HistogramVec
	sizes     *prometheus.HistogramVec
	records   *prometheus.CounterVec
	parkedBy  *prometheus.CounterVec
	differing *prometheus.CounterVec
	failures  *prometheus.CounterVec
	visible   *prometheus.HistogramVec

	mu       sync.Mutex
	handlers []*Handler
}

var (
	lagRecords = prometheus.NewDesc("counterfoil_lag_records", "Records of an assigned partition that are not applied yet.",
		[]string{"read_model", "version", "topic", "partition"}, nil)
	lagSeconds = prometheus.NewDesc("counterfoil_lag_seconds", "Age of the first record of an assigned partition that is not applied yet.",
		[]string{"read_model", "version", "topic", "partition"}, nil)
	stuckSeconds = prometheus.NewDesc("counterfoil_partition_stuck_seconds", "How long an assigned partition has not been able to apply its next record; 0 when it is.",
		[]string{"read_model", "version", "topic", "partition"}, nil)
	refusedPartition = prometheus.NewDesc("counterfoil_partition_refused", "1 for an assigned partition that is refused because its history was lost.",
		[]string{"read_model", "version", "topic", "partition"}, nil)
)

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	model := []string{"read_model", "version"}
	m := &Metrics{
		batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_batch_seconds", Help: "Seconds to decode and commit a batch.", Buckets: telemetry.Latency}, model),
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_batch_records", Help: "Records in a committed batch.", Buckets: prometheus.ExponentialBuckets(1, 4, 8)}, model),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_records_total", Help: "Records by result: applied, already_there or parked."}, append(model, "result")),
		parkedBy: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_parked_total", Help: "Records parked, by the code of the reason."}, append(model, "code")),
		differing: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_differing_repeats_total", Help: "Records that repeat a command with another payload; the first one stands."}, model),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_batch_failures_total", Help: "Batches that could not be committed and are tried again, by code."}, append(model, "code")),
		visible: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "counterfoil_visible_seconds", Help: "Seconds from the broker's timestamp of a record to the commit of its row, for the first and the last record of each batch.", Buckets: telemetry.Latency}, model),
	}
	registry.MustRegister(m.batches, m.sizes, m.records, m.parkedBy, m.differing, m.failures, m.visible, m)
	return m
}

// Watch shows the handler's partitions until the function that it returns is called.
func (m *Metrics) Watch(h *Handler) (forget func()) {
	version := strconv.Itoa(h.version)
	for _, result := range []string{"applied", "already_there", "parked"} {
		m.records.WithLabelValues(h.name, version, result)
	}
	m.differing.WithLabelValues(h.name, version)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers = append(m.handlers, h)
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.handlers = slices.DeleteFunc(slices.Clone(m.handlers), func(other *Handler) bool { return other == h })
	}
}

func (m *Metrics) applied(h *Handler, records []kafka.Record, result apply.Result, took time.Duration) {
	name, version := h.name, strconv.Itoa(h.version)
	m.batches.WithLabelValues(name, version).Observe(took.Seconds())
	m.sizes.WithLabelValues(name, version).Observe(float64(len(records)))
	m.records.WithLabelValues(name, version, "applied").Add(float64(result.Applied))
	m.records.WithLabelValues(name, version, "already_there").Add(float64(result.AlreadyThere))
	m.records.WithLabelValues(name, version, "parked").Add(float64(len(result.Parked)))
	m.differing.WithLabelValues(name, version).Add(float64(result.Differing))
	for _, parked := range result.Parked {
		m.parkedBy.WithLabelValues(name, version, string(parked.Fault.Code)).Inc()
	}
	visible := m.visible.WithLabelValues(name, version)
	visible.Observe(time.Since(records[0].Timestamp).Seconds())
	if len(records) > 1 {
		visible.Observe(time.Since(records[len(records)-1].Timestamp).Seconds())
	}
}

func (m *Metrics) failed(h *Handler, err error) {
	m.failures.WithLabelValues(h.name, strconv.Itoa(h.version), string(fault.Of(err).Code)).Inc()
}

// Describe implements prometheus.Collector for what is read off the partitions.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagRecords, lagSeconds, stuckSeconds, refusedPartition} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	m.mu.Lock()
	handlers := m.handlers
	m.mu.Unlock()
	now := time.Now()
	for _, h := range handlers {
		for _, p := range h.assigned() {
			labels := []string{h.name, strconv.Itoa(h.version), p.Topic, strconv.Itoa(int(p.Number))}
			gauge := func(desc *prometheus.Desc, value float64) {
				metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
			}
			records, age := p.lag(now)
			gauge(lagRecords, float64(records))
			gauge(lagSeconds, age.Seconds())
			stuck, refused := 0.0, 0.0
			if since, _ := p.stuck(); !since.IsZero() {
				stuck = now.Sub(since).Seconds()
			}
			if p.refused != nil {
				refused = 1
			}
			gauge(stuckSeconds, stuck)
			gauge(refusedPartition, refused)
		}
	}
}
