package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Producer publishes records; every caller waits for the acknowledgement of its own record.
//
// Its Run connects, in the background and for as long as it takes, so a service starts while Kafka is away. Memory is
// bounded: at most InFlight records are between Send and their acknowledgement or failure, also those whose callers
// have given up.
type Producer struct {
	cfg   ProducerConfig
	log   *slog.Logger
	slots chan struct{} // one for each record in flight

	mu     sync.RWMutex // held for writing while async is set or closed, so that nobody publishes into a closed one
	async  sarama.AsyncProducer
	closed bool

	warnings atomic.Pointer[[]string]
	failing  atomic.Pointer[failure] // the last failure since the last success

	acknowledged prometheus.Histogram
	failures     *prometheus.CounterVec
	late         prometheus.Counter
}

// ProducerConfig says what a producer publishes to and how much may be under way.
type ProducerConfig struct {
	Config
	Topic    TopicSpec
	Wait     time.Duration // how long callers wait for their acknowledgement
	InFlight int           // most records that are published and not yet acknowledged
}

// Message is a record to publish.
type Message struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// pending is the caller that waits for a record.
type pending struct {
	ctx   context.Context // for the log
	began time.Time
	done  chan error // takes one value without blocking
	gone  atomic.Bool
}

// failure is a failure that readiness speaks of for a while. It is forgotten after failureKept unless it happens again,
// because a service that is not ready gets no commands whose success could show that Kafka is back.
type failure struct {
	at     time.Time
	reason string
	seen   bool // by look and not by a record, so that look can say that it is over
}

const (
	failureKept = 10 * time.Second
	lookEvery   = 2 * time.Second
)

// NewProducer returns a producer that Run connects.
func NewProducer(cfg ProducerConfig, log *slog.Logger, registry prometheus.Registerer) *Producer {
	p := &Producer{
		cfg:   cfg,
		log:   log,
		slots: make(chan struct{}, cfg.InFlight),
		acknowledged: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "counterfoil_produce_ack_seconds", Help: "Seconds from publishing a record to its acknowledgement by all in-sync replicas.", Buckets: telemetry.Latency,
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "counterfoil_produce_failures_total", Help: "Records that were not acknowledged in time, by reason.",
		}, []string{"reason"}),
		late: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "counterfoil_produce_late_acks_total", Help: "Acknowledgements that came after their caller was told that the outcome is unknown.",
		}),
	}
	registry.MustRegister(p.acknowledged, p.failures, p.late, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "counterfoil_produce_in_flight", Help: "Records published and not yet acknowledged or failed.",
	}, func() float64 { return float64(len(p.slots)) }))
	for _, reason := range []string{"timeout", "broker", "busy"} {
		p.failures.WithLabelValues(reason)
	}
	return p
}

// Run connects, makes sure of the topic, and delivers acknowledgements until ctx ends; then it waits for the records
// that are still in flight, as long as one request to a broker may take. It is a part of a service.
func (p *Producer) Run(ctx context.Context) error {
	c := p.connect(ctx)
	if c == nil {
		return nil
	}
	var delivering sync.WaitGroup
	delivering.Go(func() {
		for msg := range c.async.Successes() {
			p.settle(msg, nil)
		}
	})
	delivering.Go(func() {
		for failure := range c.async.Errors() {
			p.settle(failure.Msg, failure.Err)
		}
	})
	p.look(ctx, c.watch)
	p.close()
	c.async.AsyncClose()
	delivering.Wait()
	return errors.Join(c.client.Close(), c.watch.Close())
}

// look asks for the topic from time to time until ctx ends, so that readiness knows whether Kafka is there before a
// command fails.
func (p *Producer) look(ctx context.Context, client sarama.Client) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			err := p.lookOnce(ctx, client)
			if last := p.failing.Load(); err == nil && last != nil && last.seen {
				p.failing.CompareAndSwap(last, nil)
			} else if err != nil {
				p.failing.Store(&failure{time.Now(), err.Error(), true})
			}
		case <-ctx.Done():
			return
		}
	}
}

// lookOnce asks for the topic. One that somebody deleted is created again, as it would be at the next start; consumers
// refuse it until somebody decides, because the history that it held is lost (G11).
func (p *Producer) lookOnce(ctx context.Context, client sarama.Client) error {
	err := client.RefreshMetadata(p.cfg.Topic.Name)
	if !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return err
	}
	p.log.ErrorContext(ctx, "the broker knows no such topic any more, making sure of it", "topic", p.cfg.Topic.Name)
	if _, err := p.cfg.EnsureTopic(p.cfg.Topic); err != nil {
		return fmt.Errorf("topic %s is gone: %w", p.cfg.Topic.Name, err)
	}
	return nil
}

func (p *Producer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

// Send publishes the message and returns its position once every in-sync replica has it (G1). It waits as long as the
// configuration says, or until ctx ends.
//
// An error of kind Unconfirmed means that the record may or may not be in the topic, or come into it later (G2); any
// other error means that it is not and will not be. The position may be unknown although the record was acknowledged.
func (p *Producer) Send(ctx context.Context, m Message) (position.Position, error) {
	select {
	case p.slots <- struct{}{}:
	default:
		p.failures.WithLabelValues("busy").Inc()
		return position.Position{}, fault.New(fault.CodeTooManyInFlight,
			fmt.Sprintf("%d commands wait for their acknowledgement, which is the limit. Try again in a moment.", cap(p.slots)), nil)
	}
	late := time.NewTimer(p.cfg.Wait)
	defer late.Stop()
	caller := &pending{ctx: ctx, began: time.Now(), done: make(chan error, 1)}
	msg := message(p.cfg.Topic.Name, m)
	msg.Metadata = caller
	if err := p.publish(ctx, late.C, msg); err != nil {
		<-p.slots
		return position.Position{}, err
	}
	crash.Here("accept: handed over")
	var cause error
	select {
	case err := <-caller.done:
		return p.judged(msg, err)
	case <-late.C:
		cause = p.tooLate()
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	select {
	case err := <-caller.done: // in the last moment
		return p.judged(msg, err)
	default:
	}
	caller.gone.Store(true)
	p.failures.WithLabelValues("timeout").Inc()
	if !errors.Is(ctx.Err(), context.Canceled) {
		p.failing.Store(&failure{time.Now(), cause.Error(), false})
	}
	return position.Position{}, fault.New(fault.CodeOutcomeUnknown,
		"Kafka did not acknowledge the command in time. It may still be kept: look it up by its id, or repeat the request with the same Idempotency-Key.",
		cause)
}

// tooLate is why a caller waits no longer.
func (p *Producer) tooLate() error { return fmt.Errorf("no acknowledgement within %s", p.cfg.Wait) }

// publish hands the message to sarama. An error means that it was not handed over.
func (p *Producer) publish(ctx context.Context, late <-chan time.Time, msg *sarama.ProducerMessage) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return fault.New(fault.CodeShuttingDown, "Send the command again; another process will take it.", nil)
	}
	if p.async == nil {
		return fault.New(fault.CodeBrokerAway, "The command was not kept because Kafka cannot be reached. Try again in a moment.", nil)
	}
	var cause error
	select {
	case p.async.Input() <- msg:
		return nil
	case <-late:
		cause = p.tooLate()
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	p.failures.WithLabelValues("timeout").Inc()
	return fault.New(fault.CodeBrokerAway, "The command was not kept because Kafka takes no records. Try again in a moment.", cause)
}

// judged turns sarama's final word on a record into Send's. Only what it never sent, and what the broker refused for its
// size, is known not to be in the topic.
func (p *Producer) judged(msg *sarama.ProducerMessage, err error) (position.Position, error) {
	if err == nil {
		return position.Position{Topic: msg.Topic, Partition: msg.Partition, Offset: msg.Offset}, nil
	}
	p.failures.WithLabelValues("broker").Inc()
	// sarama checks the size against its own limit first, and calls what is larger a wrong configuration.
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok || errors.Is(err, sarama.ErrMessageSizeTooLarge) {
		return position.Position{}, fault.New(fault.CodeBodyTooLarge, "The command is larger than the topic allows.", err)
	}
	return position.Position{}, fault.New(fault.CodeOutcomeUnknown,
		"Kafka did not acknowledge the command. It may still be kept: look it up by its id, or repeat the request with the same Idempotency-Key.", err)
}

// settle tells the caller of a record what became of it, and gives its slot back. What a caller does not hear any more is
// logged: it was told that the outcome is unknown.
func (p *Producer) settle(msg *sarama.ProducerMessage, err error) {
	caller := msg.Metadata.(*pending)
	gone := caller.gone.Load()
	if err != nil {
		p.failing.Store(&failure{time.Now(), err.Error(), false})
	} else {
		p.failing.Store(nil)
		p.acknowledged.Observe(time.Since(caller.began).Seconds())
	}
	switch key, _ := msg.Key.Encode(); {
	case gone && err != nil:
		p.log.WarnContext(caller.ctx, "never acknowledged", "key", string(key), "topic", msg.Topic, "error", err)
	case gone:
		p.late.Inc()
		p.log.InfoContext(caller.ctx, "acknowledged late", "key", string(key),
			"topic", msg.Topic, "partition", msg.Partition, "offset", msg.Offset)
	}
	caller.done <- err
	<-p.slots
}

// Status reports whether records can be published, and whether the topic's settings endanger the promises.
func (p *Producer) Status() (ready bool, detail string, warnings []string) {
	p.mu.RLock()
	ready = p.async != nil && !p.closed
	p.mu.RUnlock()
	if w := p.warnings.Load(); w != nil {
		warnings = *w
	}
	if last := p.failing.Load(); last != nil && (!ready || time.Since(last.at) < failureKept) {
		return false, last.reason, warnings
	}
	if !ready {
		detail = "not connected yet"
	}
	return ready, detail, warnings
}
