package kafka

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/counterfoil/counterfoil/shared/position"
)

// Publish writes a few messages, one after the other, and returns where each is once every in-sync replica has it. It is
// for tools; a service has a Producer. The topic must exist.
func (c Config) Publish(topic string, messages ...Message) ([]position.Position, error) {
	producer, err := sarama.NewSyncProducer(c.addresses(), c.producing())
	if err != nil {
		return nil, Classify(fmt.Errorf("open the producer: %w", err))
	}
	defer func() { _ = producer.Close() }()
	positions := make([]position.Position, 0, len(messages))
	for _, m := range messages {
		partition, offset, err := producer.SendMessage(message(topic, m))
		if err != nil {
			return positions, Classify(fmt.Errorf("publish to %s: %w", topic, err))
		}
		positions = append(positions, position.Position{Topic: topic, Partition: partition, Offset: offset})
	}
	return positions, nil
}

func message(topic string, m Message) *sarama.ProducerMessage {
	msg := &sarama.ProducerMessage{
		Topic: topic, Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value),
		Offset: position.Unknown, // sarama leaves it alone when a repeat is acknowledged as a duplicate
	}
	for _, h := range m.Headers {
		msg.Headers = append(msg.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return msg
}
