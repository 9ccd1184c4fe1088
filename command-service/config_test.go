package commandservice_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/service"
)

func TestConfig_DefaultsAreThePublishedOnes(t *testing.T) {
	var cfg commandservice.Config
	if err := service.FromEnvironment(&cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.ServerPort != 7080 || cfg.AdminPort != 7180 || cfg.LogLevel != slog.LevelInfo || cfg.DrainDelay != 0 ||
		len(cfg.Kafka.Brokers) != 1 || cfg.Kafka.Brokers[0] != "localhost:9092" || cfg.PublishTopic != "timestamp.command.v1" ||
		cfg.Partitions != 6 || cfg.Replication != 0 || cfg.MinInSync != 0 || cfg.AckTimeout != 5*time.Second ||
		cfg.MaxInFlight != 4096 || cfg.QueryURL != "http://localhost:7081" {
		t.Errorf("got %+v", cfg)
	}
}

func TestConfig_ComesFromTheEnvironment(t *testing.T) {
	for variable, value := range map[string]string{
		"SERVER_PORT": "0", "ADMIN_PORT": "1", "LOG_LEVEL": "debug", "DRAIN_DELAY": "5s", "KAFKA_BROKER": "a:1,b:2",
		"KAFKA_PUBLISH_TOPIC": "t", "KAFKA_TOPIC_PARTITIONS": "12", "KAFKA_TOPIC_REPLICATION": "3",
		"KAFKA_MIN_INSYNC_REPLICAS": "2", "ACK_TIMEOUT": "250ms", "MAX_IN_FLIGHT": "7", "QUERY_URL": "",
	} {
		t.Setenv(variable, value)
	}
	var cfg commandservice.Config
	if err := service.FromEnvironment(&cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.ServerPort != 0 || cfg.AdminPort != 1 || cfg.LogLevel != slog.LevelDebug || cfg.DrainDelay != 5*time.Second ||
		strings.Join(cfg.Kafka.Brokers, " ") != "a:1 b:2" || cfg.PublishTopic != "t" || cfg.Partitions != 12 ||
		cfg.Replication != 3 || cfg.MinInSync != 2 || cfg.AckTimeout != 250*time.Millisecond || cfg.MaxInFlight != 7 || cfg.QueryURL != "" {
		t.Errorf("got %+v", cfg)
	}
}

func TestConfig_AllFaultsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	cfg := commandservice.Config{
		ServerPort: -1, AdminPort: 65536, DrainDelay: -time.Second, PublishTopic: "a/b", Partitions: 0, Replication: -1,
		MinInSync: -1, AckTimeout: 0, MaxInFlight: 0, QueryURL: "localhost:7081",
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, variable := range []string{
		"SERVER_PORT", "ADMIN_PORT", "DRAIN_DELAY", "KAFKA_BROKER", "KAFKA_PUBLISH_TOPIC", "KAFKA_TOPIC_PARTITIONS",
		"KAFKA_TOPIC_REPLICATION", "KAFKA_MIN_INSYNC_REPLICAS", "ACK_TIMEOUT", "MAX_IN_FLIGHT", "QUERY_URL",
	} {
		if !strings.Contains(err.Error(), variable) {
			t.Errorf("%s is not named in:\n%v", variable, err)
		}
	}
}

func TestConfig_SingleFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*commandservice.Config){
		"ACK_TIMEOUT beyond the connection's": func(cfg *commandservice.Config) { cfg.AckTimeout = 31 * time.Second },
		"more in sync than there are":         func(cfg *commandservice.Config) { cfg.Replication, cfg.MinInSync = 1, 2 },
		"a query URL with a password":         func(cfg *commandservice.Config) { cfg.QueryURL = "http://u:secret@h" },
		"a query URL with a query":            func(cfg *commandservice.Config) { cfg.QueryURL = "http://h/?a=b" },
		"a query URL of another scheme":       func(cfg *commandservice.Config) { cfg.QueryURL = "ftp://h" },
		"a query URL without a host":          func(cfg *commandservice.Config) { cfg.QueryURL = "http:///path" },
		"a query URL that is none":            func(cfg *commandservice.Config) { cfg.QueryURL = "http://[::1" },
		"a query URL of the network path":     func(cfg *commandservice.Config) { cfg.QueryURL = "//host/path" },
	} {
		cfg := defaults(t, "localhost:9092", "t")
		change(&cfg)
		err := cfg.Validate()
		if err == nil {
			t.Errorf("%s: nothing is wrong", name)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the password is repeated: %v", name, err)
		}
	}
}

func TestConfig_HelpListsEveryVariable(t *testing.T) {
	t.Parallel()
	var help bytes.Buffer
	service.PrintUsage(&help, "command-service", &commandservice.Config{})
	for _, variable := range []string{
		"SERVER_PORT", "ADMIN_PORT", "LOG_LEVEL", "DRAIN_DELAY", "KAFKA_BROKER", "KAFKA_PUBLISH_TOPIC", "KAFKA_TOPIC_PARTITIONS",
		"KAFKA_TOPIC_REPLICATION", "KAFKA_MIN_INSYNC_REPLICAS", "ACK_TIMEOUT", "MAX_IN_FLIGHT", "QUERY_URL",
	} {
		if !strings.Contains(help.String(), variable) {
			t.Errorf("%s is missing:\n%s", variable, help.String())
		}
	}
}
