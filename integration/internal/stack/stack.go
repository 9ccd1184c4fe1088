// Package stack gives tests the three services on a broker and a database: a stack that all tests share, or one of the
// test's own whose processes, topic and database it may do anything to.
//
// Without environment everything is embedded: one broker and one PostgreSQL server for the whole run, the services as
// processes. TEST_KAFKA_BROKER has a Kafka that runs already take the broker's place. With COMMAND_URL, QUERY_URL and
// CONSUMER_URL the shared stack is one that runs already, see running.go.
package stack

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

// A Stack is three services that run.
type Stack struct {
	Command, Query, Consumer *client.Service
	Queries                  []*client.Service // the query-service at every port that is known, the first of which is Query

	Broker string // as KAFKA_BROKER has it
	Topic  string // of the commands
	pool   *pgxpool.Pool

	// The processes; nil in a stack that others run.
	CommandProcess, QueryProcess, ConsumerProcess *process.Process

	DB     *pgtest.DB // nil in a stack that others run
	Group  string     // the first consumer's KAFKA_GROUP_ID
	config Config

	mu      sync.Mutex
	running []*process.Process
}

// A Config says what a test's own stack has instead of the usual.
type Config struct {
	Broker   string     // instead of the run's
	Database *pgtest.DB // instead of a new one on the run's server
	// The services' environment beyond what connects them, as NAME=value.
	Command, Consumer, Query []string
}

// SessionTimeout is after how long a group notices that a killed consumer is gone: the shortest that Kafka allows.
const SessionTimeout = 6 * time.Second

// Own starts a stack that no other test sees and returns when all of it is ready. It is stopped when the test has ended,
// and every process has to end well unless the test killed it.
func Own(t testing.TB, cfg Config) *Stack {
	t.Helper()
	s := Prepare(t, cfg)
	s.startAll(t)
	return s
}

func (s *Stack) startAll(t testing.TB) {
	t.Helper()
	s.StartCommand(t)
	s.StartConsumer(t)
	s.StartQuery(t)
	s.AwaitReady(t)
}

// Prepare returns a stack of the test's own in which no service runs yet.
func Prepare(t testing.TB, cfg Config) *Stack {
	t.Helper()
	if cfg.Broker == "" {
		cfg.Broker = kafkatest.Broker(t)
	}
	if cfg.Database == nil {
		cfg.Database = pgtest.Database(t)
	}
	s := prepare(t, cfg)
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func prepare(t testing.TB, cfg Config) *Stack {
	t.Helper()
	topic := topicName(t.Name())
	s := &Stack{Broker: cfg.Broker, Topic: topic, Group: topic + ".a", DB: cfg.Database, config: cfg}
	var err error
	if s.pool, err = pgxpool.New(context.Background(), withPool(cfg.Database.OwnerURL)); err != nil {
		t.Fatal(err)
	}
	return s
}

// StartCommand starts the command-service and returns when it listens.
func (s *Stack) StartCommand(t testing.TB, env ...string) {
	t.Helper()
	s.CommandProcess = s.start(t, "command-service", s.config.Command, env,
		"KAFKA_BROKER="+s.Broker, "KAFKA_PUBLISH_TOPIC="+s.Topic)
	s.Command = replaced(s.Command, s.CommandProcess)
}

// StartQuery starts the query-service and returns when it listens.
func (s *Stack) StartQuery(t testing.TB, env ...string) {
	t.Helper()
	s.QueryProcess = s.start(t, "query-service", s.config.Query, env, "DB_URL="+s.DB.ReaderURL)
	s.Query = replaced(s.Query, s.QueryProcess)
	s.Queries = []*client.Service{s.Query}
	for _, further := range s.QueryProcess.Addresses("http")[1:] {
		s.Queries = append(s.Queries, client.New(further))
	}
}

// StartConsumer starts a consumer-service, which becomes the stack's, beside those that run already, and returns when it
// listens.
func (s *Stack) StartConsumer(t testing.TB, env ...string) *process.Process {
	t.Helper()
	owner := userOf(s.DB.OwnerURL)
	ownerPassword, _ := owner.Password()
	s.ConsumerProcess = s.start(t, "consumer-service", s.config.Consumer, env,
		"KAFKA_BROKER="+s.Broker, "KAFKA_CONSUMER_TOPIC="+s.Topic, "KAFKA_GROUP_ID="+s.Group,
		"KAFKA_SESSION_TIMEOUT="+SessionTimeout.String(),
		"DB_URL="+s.DB.WriterURL, "DB_OWNER_USERNAME="+owner.Username(), "DB_OWNER_PASSWORD="+ownerPassword)
	s.Consumer = replaced(s.Consumer, s.ConsumerProcess)
	return s.ConsumerProcess
}

// start starts a process; of variables that are given more than once the last one counts.
func (s *Stack) start(t testing.TB, service string, configured, further []string, env ...string) *process.Process {
	t.Helper()
	p := process.Start(t, service, append(append(env, configured...), further...)...)
	s.mu.Lock()
	s.running = append(s.running, p)
	s.mu.Unlock()
	p.ShowOnFailure(t)
	await.Until(t, func(context.Context) error { return p.Listening() })
	return p
}

func replaced(before *client.Service, by *process.Process) *client.Service {
	if before != nil {
		before.Close()
	}
	return client.New(by.Addresses("http")[0])
}

// AwaitReady waits until every service of the stack that was started says that it is ready.
func (s *Stack) AwaitReady(t testing.TB) {
	t.Helper()
	for _, service := range []*client.Service{s.Command, s.Consumer, s.Query} {
		if service == nil {
			continue
		}
		await.Until(t, func(ctx context.Context) error {
			answer, err := service.Get(ctx, "/readyz?verbose")
			if err != nil {
				return err
			}
			return answer.Want(http.StatusOK)
		})
	}
}

// stop stops all processes, the youngest first, and removes the topic.
func (s *Stack) stop() error {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	for _, service := range []*client.Service{s.Command, s.Query, s.Consumer} {
		if service != nil {
			service.Close()
		}
	}
	results := make(chan error, len(running))
	for _, p := range running {
		go func() { results <- p.Stop() }()
	}
	var errs []error
	for range running {
		errs = append(errs, <-results)
	}
	s.pool.Close()
	s.deleteTopic()
	return errors.Join(errs...)
}

// deleteTopic keeps a long-lived cluster clean. A broker that the test has closed has nothing to clean.
func (s *Stack) deleteTopic() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Broker, ",")...), kgo.RequestRetries(0))
	if err != nil {
		return
	}
	defer kafka.Close()
	_, _ = kadm.NewClient(kafka).DeleteTopics(ctx, s.Topic)
}

func userOf(text string) *url.Userinfo {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return url.User("")
	}
	return u.User
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// topicName returns a unique name that tells whose test it was.
func topicName(test string) string {
	var random [5]byte
	rand.Read(random[:])
	test = strings.Trim(notInNames.ReplaceAllString(test, "-"), "-")
	return test[:min(len(test), 100)] + "." + hex.EncodeToString(random[:])
}
