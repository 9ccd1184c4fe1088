package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"
)

// producing returns the configuration of every producer. G1: acknowledged by all in-sync replicas, idempotent so that
// sarama's own retries neither double nor reorder. No Flush settings: batches form by themselves while the last one is
// under way, and some Flush settings can stall for ever.
func (c Config) producing() *sarama.Config {
	cfg := c.base("producer")
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Idempotent = true
	cfg.Net.MaxOpenRequests = 1
	cfg.Producer.Timeout = 5 * time.Second
	cfg.Producer.Partitioner = sarama.NewMurmur2Partitioner
	cfg.Producer.Return.Successes = true
	cfg.Producer.Return.Errors = true
	cfg.Producer.Retry.Max = 10
	cfg.Producer.Retry.BackoffFunc = func(retries, _ int) time.Duration {
		return min(50*time.Millisecond<<min(retries, 5), time.Second)
	}
	return cfg
}

// lookForLeader is how long to wait before a broker is asked again who leads a partition.
const lookForLeader = 250 * time.Millisecond

// patient returns the configuration of a producer that looks for a partition's leader as long as its callers wait, and no
// longer than until ctx ends. By itself sarama gives records up once all brokers were away for a second.
func (p *Producer) patient(ctx context.Context) *sarama.Config {
	cfg := p.cfg.producing()
	cfg.Metadata.Timeout = p.cfg.Wait
	cfg.Metadata.Retry.Max = int(p.cfg.Wait/lookForLeader) + 1
	cfg.Metadata.Retry.BackoffFunc = func(int, int) time.Duration {
		if ctx.Err() != nil {
			return p.cfg.Wait // longer than what is left of it, so that sarama gives up
		}
		return lookForLeader
	}
	return cfg
}

// connection is a producer of sarama with its client, and a client that says soon that brokers are away.
type connection struct {
	client, watch sarama.Client
	async         sarama.AsyncProducer
}

func (p *Producer) connect(ctx context.Context) *connection {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 5 * time.Second
	for {
		c, err := p.connectOnce(ctx)
		if err == nil {
			return c
		}
		p.failing.Store(&failure{time.Now(), err.Error(), false})
		p.log.WarnContext(ctx, "cannot use Kafka, trying again", "topic", p.cfg.Topic.Name, "error", err)
		select {
		case <-ctx.Done():
			p.close()
			return nil
		case <-time.After(wait.NextBackOff()):
		}
	}
}

func (p *Producer) connectOnce(ctx context.Context) (*connection, error) {
	warnings, err := p.cfg.EnsureTopic(p.cfg.Topic)
	if err != nil {
		return nil, err
	}
	watch, err := sarama.NewClient(p.cfg.addresses(), p.cfg.base("watch"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	client, err := sarama.NewClient(p.cfg.addresses(), p.patient(ctx))
	if err != nil {
		_ = watch.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	async, err := p.open(client)
	if err != nil {
		_, _ = watch.Close(), client.Close()
		return nil, fmt.Errorf("open the producer: %w", err)
	}
	for _, warning := range warnings {
		p.log.WarnContext(ctx, "the topic endangers the promises", "topic", p.cfg.Topic.Name, "problem", warning)
	}
	p.warnings.Store(&warnings)
	p.failing.Store(nil)
	p.mu.Lock()
	p.async = async
	p.mu.Unlock()
	p.log.InfoContext(ctx, "publishing", "topic", p.cfg.Topic.Name)
	return &connection{client, watch, async}, nil
}

// open opens the producer once the topic can be written to. A topic that was only just created has no leaders yet, and
// sarama gives up the first records of such a one after less than a second.
func (p *Producer) open(client sarama.Client) (sarama.AsyncProducer, error) {
	writable, err := client.WritablePartitions(p.cfg.Topic.Name)
	if err != nil {
		return nil, err
	}
	if len(writable) == 0 {
		return nil, sarama.ErrLeaderNotAvailable
	}
	return sarama.NewAsyncProducerFromClient(client)
}
