package apply_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/consumer-service/internal/rebuild"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// BenchmarkApply measures rows a second from decoded-by-us records to committed rows, by size of batch.
func BenchmarkApply(b *testing.B) {
	db := pgtest.Database(b)
	declarations, err := readmodel.Load("", nil)
	if err != nil {
		b.Fatal(err)
	}
	d := declarations[0]
	preparer := rebuild.Preparer{Owner: postgres.Config{URL: db.OwnerURL}, Log: slog.New(slog.DiscardHandler)}
	if err := preparer.Models(b.Context(), declarations); err != nil {
		b.Fatal(err)
	}
	if err := preparer.Version(b.Context(), d, d.Group("bench")); err != nil {
		b.Fatal(err)
	}
	pool, err := postgres.Connect(b.Context(), postgres.Config{URL: db.WriterURL, MaxConns: 4}, "bench", false)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	applier := apply.New(pool, d, d.Group("bench"))
	if err := applier.Begin(b.Context(), kafka.Assignment{Partition: kafka.Partition{Topic: topic}}, 0, false); err != nil {
		b.Fatal(err)
	}
	next := int64(0)
	for _, size := range []int{1, 10, 100, 1000, 10000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			rows := 0
			for b.Loop() {
				b.StopTimer()
				batch := make([]kafka.Record, size)
				for i := range batch {
					id, _ := uuid.NewV7()
					batch[i] = kafka.Record{
						Position:  position.Position{Topic: topic, Offset: next + int64(i)},
						Timestamp: time.UnixMilli(1_700_000_000_000).UTC(), Key: []byte(id.String()),
						Value: fmt.Appendf(nil, `{"command_id":"%s","event_timestamp":"2020-01-01T00:00:00Z"}`, id),
					}
				}
				b.StartTimer()
				result, err := applier.Apply(b.Context(), next, batch)
				if err != nil {
					b.Fatal(err)
				}
				next, rows = result.Next, rows+size
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
