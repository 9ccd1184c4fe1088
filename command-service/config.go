package commandservice

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafka"
)

// maxAckTimeout leaves an answer time to be written before the connection's own limit ends it.
const maxAckTimeout = 30 * time.Second

// Config is what the environment says; command-service --help lists it.
type Config struct {
	ServerPort int           `envconfig:"SERVER_PORT" default:"7080" desc:"port that takes commands; 0 takes a free one"`
	AdminPort  int           `envconfig:"ADMIN_PORT" default:"7180" desc:"port of /metrics and /debug/pprof; keep it private"`
	LogLevel   slog.Level    `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	DrainDelay time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to go on after readiness is gone, when stopping"`

	Kafka        kafka.Config
	PublishTopic string `envconfig:"KAFKA_PUBLISH_TOPIC" default:"timestamp.command.v1" desc:"topic of the commands; created if it is missing"`
	Partitions   int32  `envconfig:"KAFKA_TOPIC_PARTITIONS" default:"6" desc:"partitions of the topic when it is created"`
	Replication  int16  `envconfig:"KAFKA_TOPIC_REPLICATION" default:"0" desc:"replicas of each partition; 0 means 3, or as many as there are brokers"`
	MinInSync    int16  `envconfig:"KAFKA_MIN_INSYNC_REPLICAS" default:"0" desc:"replicas that must have a command before its ticket; 0 means 2, or as many as there are replicas"`

	AckTimeout  time.Duration `envconfig:"ACK_TIMEOUT" default:"5s" desc:"how long a command waits for Kafka's acknowledgement before its outcome is unknown; at most 30s"`
	MaxInFlight int           `envconfig:"MAX_IN_FLIGHT" default:"4096" desc:"commands that may wait for an acknowledgement; one more is refused with 503"`
	QueryURL    string        `envconfig:"QUERY_URL" default:"http://localhost:7081" desc:"where clients find the query-service, for the Location header; empty if it is at the same address"`

	Listener, AdminListener net.Listener // used instead of the ports where they are set
	LogOutput               io.Writer    // os.Stdout where it is nil
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	faults := []error{c.Kafka.Validate(), kafka.ValidTopic("KAFKA_PUBLISH_TOPIC", c.PublishTopic), validQueryURL(c.QueryURL)}
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, port := range []struct {
		name   string
		number int
	}{{"SERVER_PORT", c.ServerPort}, {"ADMIN_PORT", c.AdminPort}} {
		if port.number < 0 || port.number > 65535 {
			wrong("%s is %d; ports go from 0 to 65535", port.name, port.number)
		}
	}
	if c.DrainDelay < 0 {
		wrong("DRAIN_DELAY is %s; it cannot be negative", c.DrainDelay)
	}
	if c.Partitions < 1 {
		wrong("KAFKA_TOPIC_PARTITIONS is %d; a topic has at least 1", c.Partitions)
	}
	if c.Replication < 0 || c.MinInSync < 0 {
		wrong("KAFKA_TOPIC_REPLICATION is %d and KAFKA_MIN_INSYNC_REPLICAS is %d; neither can be negative", c.Replication, c.MinInSync)
	}
	if c.Replication > 0 && c.MinInSync > c.Replication {
		wrong("KAFKA_MIN_INSYNC_REPLICAS is %d but KAFKA_TOPIC_REPLICATION only %d; no command could ever be acknowledged", c.MinInSync, c.Replication)
	}
	if c.AckTimeout <= 0 || c.AckTimeout > maxAckTimeout {
		wrong("ACK_TIMEOUT is %s; it must be more than 0s and at most %s", c.AckTimeout, maxAckTimeout)
	}
	if c.MaxInFlight < 1 {
		wrong("MAX_IN_FLIGHT is %d; it must be at least 1", c.MaxInFlight)
	}
	return errors.Join(faults...)
}

// validQueryURL reports whether a path can be appended to the URL. What it holds is not repeated: it might be a password.
func validQueryURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err == nil && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		(text == "" || strings.HasPrefix(text, "/") && u.Host == "" || (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""):
		return nil
	default:
		return errors.New("QUERY_URL is not a URL such as http://localhost:7081, nor a path such as /query, nor empty")
	}
}
