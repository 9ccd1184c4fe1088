package consumerservice

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/counterfoil/counterfoil/consumer-service/internal/rebuild"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Config is what the environment says; consumer-service --help lists it.
type Config struct {
	ServerPort int           `envconfig:"SERVER_PORT" default:"7083" desc:"port of /health, /livez and /readyz; 0 takes a free one"`
	AdminPort  int           `envconfig:"ADMIN_PORT" default:"7183" desc:"port of /metrics and /debug/pprof; keep it private"`
	LogLevel   slog.Level    `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error; debug has a line for every record"`
	DrainDelay time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to go on after readiness is gone, when stopping"`

	Kafka          kafka.Config
	ConsumerTopic  string        `envconfig:"KAFKA_CONSUMER_TOPIC" default:"timestamp.command.v1" desc:"topic of the timestamp read model; declarations may refer to it"`
	ControlTopic   string        `envconfig:"KAFKA_CONTROL_TOPIC" default:"counterfoil.control.v1" desc:"topic of what people decided about parked records and lost history; created if it is missing"`
	GroupID        string        `envconfig:"KAFKA_GROUP_ID" default:"timestamp-consumer" desc:"base name of the consumer groups, to which each read model version adds its own; a new name replays every topic from offset 0"`
	SessionTimeout time.Duration `envconfig:"KAFKA_SESSION_TIMEOUT" default:"10s" desc:"after which a silent consumer's partitions go to others; the broker allows 6s to 30m unless told otherwise"`

	Database      postgres.Config
	OwnerUsername string `envconfig:"DB_OWNER_USERNAME" desc:"role that creates tables; without it DB_USERNAME does"`
	OwnerPassword string `envconfig:"DB_OWNER_PASSWORD" secret:"true" desc:"password of that role"`

	ReadModelsDir string `envconfig:"READ_MODELS_DIR" desc:"directory of the declared read models (*.yaml); without it the built-in ones"`

	Only *Only // the one version that this process builds for itself, and then ends; nil keeps all that are to be kept

	Listener, AdminListener net.Listener // used instead of the ports where they are set
	LogOutput               io.Writer    // os.Stdout where it is nil
}

// Only is one version that a process builds for itself.
type Only = rebuild.Only

// declarations reads the files of the read models.
func (c *Config) declarations() (rebuild.Files, error) {
	return readmodel.Load(c.ReadModelsDir, map[string]string{"KAFKA_CONSUMER_TOPIC": c.ConsumerTopic})
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	faults := []error{c.Kafka.Validate(), c.Database.Validate(),
		kafka.ValidTopic("KAFKA_CONSUMER_TOPIC", c.ConsumerTopic), kafka.ValidTopic("KAFKA_CONTROL_TOPIC", c.ControlTopic)}
	if c.GroupID == "" {
		faults = append(faults, errors.New("KAFKA_GROUP_ID is empty; name the consumer group"))
	}
	for name, port := range map[string]int{"SERVER_PORT": c.ServerPort, "ADMIN_PORT": c.AdminPort} {
		if port < 0 || port > 65535 {
			faults = append(faults, fmt.Errorf("%s is %d; ports go from 0 to 65535", name, port))
		}
	}
	if c.SessionTimeout < time.Second {
		faults = append(faults, fmt.Errorf("KAFKA_SESSION_TIMEOUT is %s; it must be at least 1s", c.SessionTimeout))
	}
	if c.DrainDelay < 0 {
		faults = append(faults, fmt.Errorf("DRAIN_DELAY is %s; it cannot be negative", c.DrainDelay))
	}
	return errors.Join(faults...)
}
