// Package kafka is the only importer of sarama: a producer whose callers wait for their own acknowledgement, a consumer
// group that hands out batches, and the few administrative questions that the services ask.
//
// It promises that none of sarama's defaults that lose records is in force. It does not decide what a record means.
package kafka

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// Config says where the brokers are.
type Config struct {
	Brokers []string `envconfig:"KAFKA_BROKER" default:"localhost:9092" desc:"brokers to connect to first, host:port, comma separated"`
}

// Validate reports what is wrong with the settings.
func (c Config) Validate() error {
	var faults []error
	if len(c.Brokers) == 0 {
		faults = append(faults, errors.New("KAFKA_BROKER is empty; name at least one broker as host:port"))
	}
	for _, broker := range c.Brokers {
		if _, port, err := net.SplitHostPort(strings.TrimSpace(broker)); err != nil || port == "" {
			faults = append(faults, fmt.Errorf("KAFKA_BROKER names %q, which is not host:port", broker))
		}
	}
	return errors.Join(faults...)
}

// ValidTopic reports what is wrong with a topic's name.
func ValidTopic(variable, topic string) error {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-'
	}
	if topic == "" || len(topic) > 249 || topic == "." || topic == ".." || strings.IndexFunc(topic, func(r rune) bool { return !legal(r) }) >= 0 {
		return fmt.Errorf("%s is %q; a topic's name has 1 to 249 of the characters a-z A-Z 0-9 . _ -", variable, topic)
	}
	return nil
}

// protocol is the newest version of the protocol that is spoken; brokers from 2.8 on understand it.
var protocol = sarama.V2_8_0_0

// base returns what every client of this process has in common.
func (c Config) base(name string) *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.ClientID = "counterfoil-" + name
	cfg.Version = protocol
	cfg.Net.DialTimeout = 5 * time.Second
	cfg.Net.ReadTimeout = 10 * time.Second
	cfg.Net.WriteTimeout = 10 * time.Second
	cfg.Metadata.AllowAutoTopicCreation = false
	cfg.Metadata.Retry.Max = 3
	cfg.Metadata.Retry.Backoff = 250 * time.Millisecond
	cfg.Metadata.RefreshFrequency = time.Minute
	return cfg
}

func (c Config) addresses() []string {
	brokers := make([]string, len(c.Brokers))
	for i, broker := range c.Brokers {
		brokers[i] = strings.TrimSpace(broker)
	}
	return brokers
}
