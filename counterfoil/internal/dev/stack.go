package dev

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/counterfoil/counterfoil/counterfoil/internal/envfile"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// stack is where everything is.
type stack struct {
	home      *home
	listeners *listeners
	broker    string
	pg        *embedded.Postgres
	roles     postgres.Roles

	commandURL, queryURL, consumerURL string
	metricsURLs                       []string

	readModels, consumerTopic, groupID string // what is declared, and under which names it is consumed
}

func newStack(home *home, broker *embedded.Broker, pg *embedded.Postgres, roles postgres.Roles, l *listeners) *stack {
	s := &stack{
		home: home, listeners: l, broker: broker.Addr(), pg: pg, roles: roles,
		commandURL: address(l.command), queryURL: address(l.query), consumerURL: address(l.consumer),
	}
	for _, admin := range []net.Listener{l.commandAdmin, l.queryAdmin, l.consumerAdmin} {
		s.metricsURLs = append(s.metricsURLs, address(admin)+"/metrics")
	}
	return s
}

// configure gives the services what dev decides.
func (s *stack) configure(settings *settings, j *journals) {
	settings.command.Listener, settings.command.AdminListener, settings.command.LogOutput = s.listeners.command, s.listeners.commandAdmin, j.command
	settings.command.Kafka.Brokers, settings.command.QueryURL = []string{s.broker}, s.queryURL

	settings.query.Listener, settings.query.AdminListener, settings.query.LogOutput = s.listeners.query, s.listeners.queryAdmin, j.query
	settings.query.GRPCListener = s.listeners.grpc
	settings.query.ExtraListeners, settings.query.Database.URL = s.listeners.queryExtra, s.databaseURL(postgres.ReaderRole, s.roles.ReaderPassword)

	settings.consumer.Listener, settings.consumer.AdminListener, settings.consumer.LogOutput = s.listeners.consumer, s.listeners.consumerAdmin, j.consumer
	settings.consumer.Kafka.Brokers, settings.consumer.Database.URL = []string{s.broker}, s.databaseURL(postgres.WriterRole, s.roles.WriterPassword)
	s.readModels, s.consumerTopic, s.groupID = settings.consumer.ReadModelsDir, settings.consumer.ConsumerTopic, settings.consumer.GroupID
	settings.consumer.OwnerUsername, settings.consumer.OwnerPassword = postgres.OwnerRole, s.roles.OwnerPassword
}

// writeEnv leaves where everything is for other tools.
func (s *stack) writeEnv() error {
	variables := []envfile.Variable{
		{Name: target.CommandURL.Variable, Value: s.commandURL},
		{Name: target.QueryURL.Variable, Value: s.queryURL},
		{Name: target.ConsumerURL.Variable, Value: s.consumerURL},
		{Name: "GRPC_ADDRESS", Value: s.listeners.grpc.Addr().String()},
		{Name: target.Broker.Variable, Value: s.broker},
		{Name: target.Database.Variable, Value: s.databaseURL(postgres.OwnerRole, s.roles.OwnerPassword)},
		{Name: "DB_URL_WRITER", Value: s.databaseURL(postgres.WriterRole, s.roles.WriterPassword)},
		{Name: "DB_URL_READER", Value: s.databaseURL(postgres.ReaderRole, s.roles.ReaderPassword)},
		{Name: target.ConsumerTopic.Variable, Value: s.consumerTopic},
		{Name: target.GroupID.Variable, Value: s.groupID},
	}
	if dir, err := filepath.Abs(s.readModels); err == nil && s.readModels != "" && envfile.Plain(dir) {
		variables = append(variables, envfile.Variable{Name: target.ReadModels.Variable, Value: dir})
	}
	return envfile.Write(s.home.env(), "Where counterfoil dev runs. It holds passwords: keep this file to yourself.", variables)
}

func (s *stack) databaseURL(role, password string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(role, password),
		Host: net.JoinHostPort(loopback, strconv.Itoa(s.pg.Port())), Path: "/" + database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// address returns the URL of a listener as this machine reaches it.
func address(listener net.Listener) string {
	at := listener.Addr().(*net.TCPAddr)
	host := at.IP.String()
	if at.IP.IsUnspecified() {
		host = loopback
	}
	return fmt.Sprintf("http://%s", net.JoinHostPort(host, strconv.Itoa(at.Port)))
}
