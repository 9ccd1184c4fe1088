// Command taxi fills the topics of a city's taxis, of which readmodels/ beside it declares two read models. The same seed
// gives the same records, in the same order for each trip.
//
//	go run ./examples/taxi -broker localhost:7092 -trips 1000000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/examples/taxi/internal/city"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

// The topics, as the declarations name them.
const (
	tripsTopic = "taxi.trips.v1"
	zonesTopic = "taxi.zones.v1"
)

// inFlight is how many records are on their way at the same time. What is said of one trip is sent one after the other.
const inFlight = 2048

type options struct {
	broker      string
	trips, from int
	rate        int // trips a second; 0 means as fast as possible
	seed        uint64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flags := flag.NewFlagSet("taxi", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "taxi fills "+zonesTopic+" and "+tripsTopic+" with the zones and trips of a city.\n\n"+
			"  taxi -trips 1000000                        a million trips as fast as the broker takes them\n"+
			"  taxi -from 1000000 -trips 50000 -rate 500  more of them, 500 a second\n\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&o.broker, "broker", "localhost:7092", "a broker, host:port; the default is that of counterfoil dev")
	flags.IntVar(&o.trips, "trips", 100_000, "how many trips")
	flags.IntVar(&o.from, "from", 0, "number of the first trip")
	flags.IntVar(&o.rate, "rate", 0, "trips a second; 0 means as fast as possible")
	flags.Uint64Var(&o.seed, "seed", 1, "which city")
	_ = flags.Parse(os.Args[1:])
	if err := run(ctx, os.Stderr, o); err != nil {
		fmt.Fprintln(os.Stderr, "taxi:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, o options) error {
	if o.trips < 0 || o.from < 0 || o.rate < 0 {
		return errors.New("-trips, -from and -rate cannot be negative")
	}
	c := city.New(o.seed)
	zones := make(chan []city.Record, 1)
	zones <- c.ZoneRecords()
	close(zones)
	if err := fill(ctx, out, o, zonesTopic, 1, zones); err != nil {
		return err
	}
	trips := make(chan []city.Record, inFlight)
	go func() {
		defer close(trips)
		began := time.Now()
		for n := range o.trips {
			if o.rate > 0 {
				due := began.Add(time.Duration(n) * time.Second / time.Duration(o.rate))
				select {
				case <-ctx.Done():
				case <-time.After(time.Until(due)):
				}
			}
			select {
			case <-ctx.Done():
				return
			case trips <- c.TripRecords(o.from + n):
			}
		}
	}()
	return fill(ctx, out, o, tripsTopic, o.trips, trips)
}

// fill sends groups of records; those of a group one after the other, groups side by side. It says how far it is every
// two seconds.
func fill(ctx context.Context, out io.Writer, o options, topic string, total int, groups <-chan []city.Record) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	producer := kafka.NewProducer(kafka.ProducerConfig{
		Config: kafka.Config{Brokers: []string{o.broker}}, Topic: kafka.TopicSpec{Name: topic, Partitions: 6},
		Wait: time.Minute, InFlight: 2 * inFlight,
	}, slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn})), prometheus.NewRegistry())
	var delivering sync.WaitGroup
	delivering.Go(func() { _ = producer.Run(running) })
	defer delivering.Wait()
	defer stop()
	if err := connected(ctx, producer, o.broker); err != nil {
		return err
	}
	began := time.Now()
	sending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done, records atomic.Int64
	var senders sync.WaitGroup
	for range inFlight {
		senders.Go(func() {
			for group := range groups {
				for _, r := range group {
					if _, err := send(sending, producer, r); err != nil {
						cancel(err)
						return
					}
					records.Add(1)
				}
				done.Add(1)
			}
		})
	}
	watching := make(chan struct{})
	go func() { senders.Wait(); close(watching) }()
	progress(out, topic, total, &done, watching)
	if err := context.Cause(sending); err != nil {
		return fmt.Errorf("%d of %d sent to %s: %w", done.Load(), total, topic, err)
	}
	fmt.Fprintf(out, "%s: %d records in %s\n", topic, records.Load(), time.Since(began).Round(100*time.Millisecond))
	return nil
}

func send(ctx context.Context, producer *kafka.Producer, r city.Record) (any, error) {
	bounded, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return producer.Send(bounded, kafka.Message{Key: r.Key, Value: r.Value})
}

func progress(out io.Writer, topic string, total int, done *atomic.Int64, ended <-chan struct{}) {
	began := time.Now()
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			n := done.Load()
			fmt.Fprintf(out, "%s: %d of %d (%.0f %%), %.0f a second\n", topic, n, total, 100*float64(n)/float64(max(total, 1)), float64(n)/time.Since(began).Seconds())
		}
	}
}

// connected waits until the producer can send. A broker that is not there is an error at once.
func connected(ctx context.Context, producer *kafka.Producer, broker string) error {
	bounded, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		ready, detail, _ := producer.Status()
		if ready {
			return nil
		}
		select {
		case <-bounded.Done():
			return fmt.Errorf("%s cannot be used: %s; is counterfoil dev running, or is -broker another one?", broker, detail)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
