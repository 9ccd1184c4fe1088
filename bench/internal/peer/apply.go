package peer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// rows is where records are applied to.
type rows struct {
	Kafka
	Group string `required:""`
	DB    string `required:""`
	Conns int32  `default:"16"`
}

func (r rows) pool(ctx context.Context) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(r.DB)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = r.Conns
	return pgxpool.NewWithConfig(ctx, cfg)
}

// insert applies one record.
func insert(ctx context.Context, pool *pgxpool.Pool, value []byte, at time.Time) error {
	var command struct {
		ID string    `json:"command_id"`
		At time.Time `json:"event_timestamp"`
	}
	if err := json.Unmarshal(value, &command); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `
		INSERT INTO timestamp_v1.timestamp_records (id, event_timestamp, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		command.ID, command.At, at)
	return err
}

// insertOne is what guides to consumer groups show.
type insertOne struct {
	rows
	Commit bool `help:"Commit the offset of each record, so that none is applied twice."`
}

// Run consumes until ctx ends.
func (i insertOne) Run(ctx context.Context) error {
	listening("127.0.0.1:0") // it takes no requests; this says that it runs
	return i.consume(ctx)
}

func (i insertOne) consume(ctx context.Context) error {
	pool, err := i.pool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	cfg := sarama.NewConfig()
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Enable = !i.Commit
	group, err := sarama.NewConsumerGroup(strings.Split(i.Broker, ","), i.Group, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = group.Close() }()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{i.Topic}, inserter{pool, i.Commit}); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

type inserter struct {
	pool   *pgxpool.Pool
	commit bool
}

func (inserter) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (inserter) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (i inserter) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case <-session.Context().Done():
			return nil
		case msg, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			if err := insert(session.Context(), i.pool, msg.Value, msg.Timestamp); err != nil {
				return err
			}
			session.MarkMessage(msg, "")
			if i.commit {
				session.Commit()
			}
		}
	}
}

// watermillRows is Watermill's subscriber as its guide sets it up.
type watermillRows struct{ rows }

// Run consumes until ctx ends.
func (w watermillRows) Run(ctx context.Context) error {
	listening("127.0.0.1:0") // it takes no requests; this says that it runs
	return w.consume(ctx)
}

func (w watermillRows) consume(ctx context.Context) error {
	pool, err := w.pool(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	cfg := wkafka.DefaultSaramaSubscriberConfig()
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	subscriber, err := wkafka.NewSubscriber(wkafka.SubscriberConfig{
		Brokers: strings.Split(w.Broker, ","), ConsumerGroup: w.Group, Unmarshaler: wkafka.DefaultMarshaler{},
		OverwriteSaramaConfig: cfg,
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	messages, err := subscriber.Subscribe(ctx, w.Topic)
	if err != nil {
		return err
	}
	var working errgroup.Group
	for range w.Conns {
		working.Go(func() error { return applyAll(ctx, pool, messages) })
	}
	err = working.Wait()
	if ctx.Err() != nil {
		err = nil // what was under way ended with it
	}
	return errors.Join(err, subscriber.Close())
}

func applyAll(ctx context.Context, pool *pgxpool.Pool, messages <-chan *message.Message) error {
	for m := range messages {
		at, _ := wkafka.MessageTimestampFromCtx(m.Context())
		if err := insert(ctx, pool, m.Payload, at); err != nil {
			return errors.Join(err, ctx.Err())
		}
		m.Ack()
	}
	return nil
}
