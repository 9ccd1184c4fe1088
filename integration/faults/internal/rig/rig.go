// Package rig is a stack that can be broken: the three services as processes, each at one address for all of its lives, a
// broker in a process of its own, a PostgreSQL server of its own, and a proxy before each of these two.
//
// It promises that Heal undoes whatever was done, and that Judge then says what became of everything that was asked for
// since the rig began.
package rig

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
	"github.com/counterfoil/counterfoil/integration/faults/internal/load"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

// A Config says how large a rig is and how much is asked of it.
type Config struct {
	Consumers  int    // 0 means 1
	Partitions int    // of the topic; 0 means as many as the command-service makes by itself
	Seed       uint64 // of what the load client decides
	Cluster    string // brokers that run already, comma separated; "" means one of the rig's own, which can be broken
	Rate       int    // commands a second; 0 means 150
	Readers    int    // 0 means 4, less means none
}

// A Rig is a stack that can be broken.
type Rig struct {
	Topic    string
	Broker   *Broker // nil where the brokers are not the rig's own
	Kafka    *Proxy  // before the broker; nil as well
	Postgres *Proxy  // before the server
	Server   *pgtest.Server
	DB       *pgtest.DB
	Load     *load.Client

	Command, Query *Service
	Consumers      []*Service // those that are meant to run

	t       testing.TB
	brokers string     // as the services have it
	idle    []*Service // consumers that were taken away
	pool    *pgxpool.Pool
	ledger  *ledger.Ledger
	path    string // of the ledger
	applied applied
	verdict check.Verdict
	loading bool
	asked   map[string]bool // commands whose last answer was observed
	away    bool            // PostgreSQL does not run

	lock     *pgx.Conn // holds the table
	settings bool      // of the database were changed
}

// SessionTimeout is after how long the group takes a silent consumer's partitions away: the shortest that Kafka allows.
const SessionTimeout = 6 * time.Second

// Patience is how long everything may take to be as it should be once a fault is over.
const Patience = 90 * time.Second

// New starts a rig and returns when all of it is ready.
func New(t testing.TB, cfg Config) *Rig {
	t.Helper()
	cfg.Consumers, cfg.Rate, cfg.Readers = max(cfg.Consumers, 1), either(cfg.Rate, 150), either(cfg.Readers, 4)
	dir := t.TempDir()
	r := &Rig{t: t, Topic: "timestamp.command.v1", path: filepath.Join(dir, "ledger"), asked: map[string]bool{}}

	r.brokers = cfg.Cluster
	if r.brokers == "" {
		port := freePort(t)
		r.Broker = newBroker(t, filepath.Join(dir, "broker"), port)
		r.Kafka = newProxy(t, "kafka", port, r.Broker.Port)
		r.brokers = "127.0.0.1:" + strconv.Itoa(port)
	}
	r.Server = pgtest.Own(t)
	r.DB = r.Server.Database()
	r.Postgres = newProxy(t, "postgres", freePort(t), portOf(t, r.DB.OwnerURL))
	settings, err := pgxpool.ParseConfig(r.DB.SuperURL)
	if err != nil {
		t.Fatal("a database URL cannot be read")
	}
	settings.MaxConns = 4
	settings.ConnConfig.RuntimeParams["default_transaction_read_only"] = "off" // whatever ReadOnly does
	if r.pool, err = pgxpool.NewWithConfig(context.Background(), settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.pool.Close)
	if r.ledger, err = ledger.Create(r.path); err != nil {
		t.Fatal(err)
	}

	r.Command = newService(t, "command", "command-service", "KAFKA_BROKER="+r.brokers, "ACK_TIMEOUT=3s",
		"KAFKA_TOPIC_PARTITIONS="+strconv.Itoa(either(cfg.Partitions, 6)))
	r.Query = newService(t, "query", "query-service", "DB_URL="+r.throughProxy(r.DB.ReaderURL))
	for range cfg.Consumers {
		r.AddConsumer()
	}
	t.Cleanup(r.close)
	r.Load = load.New(load.Config{
		Command: r.Command.URL, Query: r.Query.URL, Ledger: r.ledger, Name: "faults", Seed: cfg.Seed, Rate: cfg.Rate, Readers: cfg.Readers,
	})
	r.Command.Start()
	r.Query.Start()
	r.awaitReady()
	r.applied.watch(t, r)
	return r
}

func either(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func portOf(t testing.TB, text string) int {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal("a database URL cannot be read")
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal("a database URL has no port")
	}
	return port
}

// throughProxy returns the database URL with the proxy's address.
func (r *Rig) throughProxy(text string) string {
	r.t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		r.t.Fatal("a database URL cannot be read")
	}
	u.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Postgres.Port))
	return u.String()
}

// AddConsumer starts one more consumer-service, one that was taken away where there is one.
func (r *Rig) AddConsumer() *Service {
	r.t.Helper()
	var s *Service
	if n := len(r.idle); n > 0 {
		s, r.idle = r.idle[n-1], r.idle[:n-1]
	} else {
		s = r.newConsumer(fmt.Sprint("consumer-", len(r.Consumers)+1))
	}
	r.Consumers = append(r.Consumers, s)
	s.Start()
	return s
}

func (r *Rig) newConsumer(name string) *Service {
	r.t.Helper()
	owner, err := url.Parse(r.DB.OwnerURL)
	if err != nil {
		r.t.Fatal("a database URL cannot be read")
	}
	password, _ := owner.User.Password()
	return newService(r.t, name, "consumer-service",
		"KAFKA_BROKER="+r.brokers, "KAFKA_SESSION_TIMEOUT="+SessionTimeout.String(),
		"DB_URL="+r.throughProxy(r.DB.WriterURL), "DB_OWNER_USERNAME="+owner.User.Username(), "DB_OWNER_PASSWORD="+password)
}

// RemoveConsumer stops the youngest consumer-service for good.
func (r *Rig) RemoveConsumer() {
	r.t.Helper()
	last := len(r.Consumers) - 1
	s := r.Consumers[last]
	r.Consumers = r.Consumers[:last]
	s.Stop()
	r.idle = append(r.idle, s)
}

// Services returns all services that are meant to run.
func (r *Rig) Services() []*Service {
	return append([]*Service{r.Command, r.Query}, r.Consumers...)
}

// Consumer returns one of the consumer-services, picked by n.
func (r *Rig) Consumer(n int) *Service { return r.Consumers[n%len(r.Consumers)] }

// PostgresAway ends PostgreSQL as a crash would, until PostgresBack.
func (r *Rig) PostgresAway() {
	r.t.Helper()
	if r.away {
		return
	}
	r.unlockTable()
	r.Postgres.Down()
	r.Server.Away()
	r.away = true
}

// PostgresIsAway reports whether PostgreSQL was ended and is not back.
func (r *Rig) PostgresIsAway() bool { return r.away }

// PostgresBack starts PostgreSQL again.
func (r *Rig) PostgresBack() {
	r.t.Helper()
	if r.away {
		r.Server.Back()
		r.away = false
	}
	r.Postgres.Up()
}

// Super runs a statement as the superuser, past the proxy.
func (r *Rig) Super(sql string, args ...any) {
	r.t.Helper()
	err := until(short, func(ctx context.Context) error {
		_, err := r.pool.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		r.t.Fatalf("%s: %v", sql, err)
	}
}

// Begin sets the load going.
func (r *Rig) Begin() {
	r.applied.pause(false)
	r.Load.Start()
	r.loading = true
}

// Heal undoes every fault that still holds, and waits until every service is ready.
func (r *Rig) Heal() {
	r.t.Helper()
	r.healBroker()
	r.PostgresBack()
	r.Postgres.Clean()
	r.Postgres.Up()
	r.resetDatabase()
	for _, s := range r.Services() {
		s.Thaw()
		if s.armed {
			s.Kill()
		}
		if s.process != nil && !s.Running() {
			s.ended()
		}
		if !s.Running() {
			s.Start()
		}
	}
	r.awaitReady()
}

func (r *Rig) healBroker() {
	if r.Broker == nil {
		return
	}
	if !r.Broker.Running() {
		r.Broker.Start()
	}
	r.Broker.Thaw()
	r.Kafka.Clean()
	r.Kafka.Up()
}

// await waits until try returns nil, for as long as patience lasts.
func (r *Rig) await(try func(context.Context) error) {
	r.t.Helper()
	if err := until(Patience, try); err != nil {
		r.t.Fatalf("waited in vain: %v\n%s", err, r.show())
	}
}

func (r *Rig) awaitReady() {
	r.t.Helper()
	for _, s := range r.Services() {
		r.await(s.ready)
	}
}

func (r *Rig) show() string {
	var all []string
	for _, s := range r.Services() {
		all = append(all, s.show())
	}
	return strings.Join(all, "\n")
}

func (r *Rig) close() {
	r.unlockTable()
	if r.loading {
		_ = r.Load.Pause()
	}
	_ = r.ledger.Close()
	for _, s := range append(r.Services(), r.idle...) {
		if s.process != nil {
			s.Thaw()
			s.Kill()
		}
	}
}
