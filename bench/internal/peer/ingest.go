package peer

import (
	"context"
	"net/http"
	"strings"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/labstack/echo/v4"
)

// tutorial is what guides to Kafka in Go show: sarama's SyncProducer as it comes, acknowledged by the leader alone.
type tutorial struct {
	Kafka
	All bool `help:"Idempotent, acknowledged by all."`
}

// Run serves until ctx ends.
func (t tutorial) Run(ctx context.Context) error { return serve(ctx, t.open) }

func (t tutorial) open(context.Context) (http.Handler, func() error, error) {
	cfg := sarama.NewConfig()
	cfg.Producer.Return.Successes = true
	if t.All {
		cfg.Version = sarama.V2_8_0_0
		cfg.Producer.RequiredAcks = sarama.WaitForAll
		cfg.Producer.Idempotent = true
		cfg.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(strings.Split(t.Broker, ","), cfg)
	if err != nil {
		return nil, nil, err
	}
	e := newEcho()
	e.POST("/api/v1/timestamp", func(c echo.Context) error {
		id, value, err := record()
		if err != nil {
			return err
		}
		_, _, err = producer.SendMessage(&sarama.ProducerMessage{
			Topic: t.Topic, Key: sarama.StringEncoder(id), Value: sarama.ByteEncoder(value),
		})
		if err != nil {
			return err
		}
		return ticket(c, id)
	})
	return e, producer.Close, nil
}

// watermillHTTP is Watermill's publisher as its guide sets it up.
type watermillHTTP struct{ Kafka }

// Run serves until ctx ends.
func (w watermillHTTP) Run(ctx context.Context) error { return serve(ctx, w.open) }

func (w watermillHTTP) open(context.Context) (http.Handler, func() error, error) {
	publisher, err := wkafka.NewPublisher(wkafka.PublisherConfig{
		Brokers: strings.Split(w.Broker, ","),
		Marshaler: wkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
			return m.UUID, nil
		}),
	}, watermill.NopLogger{})
	if err != nil {
		return nil, nil, err
	}
	e := newEcho()
	e.POST("/api/v1/timestamp", func(c echo.Context) error {
		id, value, err := record()
		if err != nil {
			return err
		}
		if err := publisher.Publish(w.Topic, message.NewMessage(id, value)); err != nil {
			return err
		}
		return ticket(c, id)
	})
	return e, publisher.Close, nil
}
