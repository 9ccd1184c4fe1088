package dev

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/readmodel"
	"github.com/counterfoil/counterfoil/shared/service"
)

// settings are the configurations of the three services.
type settings struct {
	command  commandservice.Config
	query    queryservice.Config
	consumer consumerservice.Config
	declared []*readmodel.Declaration
}

// owned are the variables that dev decides itself; each secret also comes as a file.
var owned = []string{
	"SERVER_PORT", "SERVER_EXTRA_PORTS", "ADMIN_PORT", "GRPC_PORT", "QUERY_URL", "KAFKA_BROKER",
	"DB_URL", "DB_USERNAME", "DB_PASSWORD", "DB_OWNER_USERNAME", "DB_OWNER_PASSWORD",
	"DB_URL_FILE", "DB_PASSWORD_FILE", "DB_OWNER_PASSWORD_FILE",
}

// disown takes the variables that dev decides itself out of the environment, and returns those that were there.
func disown() (names []string, err error) {
	for _, name := range owned {
		if _, set := os.LookupEnv(name); set {
			names = append(names, name)
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	return names, err
}

// readSettings reads from the environment what is not owned, lets the flags override it, and reports all faults at once.
func (c *Command) readSettings() (*settings, error) {
	s := &settings{}
	err := errors.Join(service.FromEnvironment(&s.command), service.FromEnvironment(&s.query), service.FromEnvironment(&s.consumer))
	if c.LogLevel != nil {
		s.command.LogLevel, s.query.LogLevel, s.consumer.LogLevel = *c.LogLevel, *c.LogLevel, *c.LogLevel
	}
	if c.GroupID != "" {
		s.consumer.GroupID = c.GroupID
	}
	if c.ReadModels != "" {
		s.consumer.ReadModelsDir = c.ReadModels
	}
	if err == nil {
		err = errors.Join(s.command.Validate(), s.query.Validate(), s.consumer.Validate())
	}
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("the environment is wrong:\n%s", distinct(err)))
	}
	// The consumer-service would refuse them too, after all that it stands on was made.
	s.declared, err = readmodel.Load(s.consumer.ReadModelsDir, map[string]string{"KAFKA_CONSUMER_TOPIC": s.consumer.ConsumerTopic})
	if err != nil {
		return nil, exit.With(exit.Usage, fmt.Errorf("read the declarations: %w", err))
	}
	return s, nil
}

// distinct writes one fault for each variable, which a fault begins with: the services have settings in common.
func distinct(err error) string {
	var lines []string
	seen := map[string]bool{}
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		variable, _, _ := strings.Cut(line, " ")
		if !seen[variable] {
			seen[variable] = true
			lines = append(lines, "  "+line)
		}
	}
	return strings.Join(lines, "\n")
}
