package stack

import (
	"cmp"
	"context"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

// A Need is what a test wants of a shared stack beyond the services' addresses.
type Need string

// The needs, named by the variable that offers them in a stack that runs already.
const (
	Kafka Need = "KAFKA_BROKER"
	SQL   Need = "DB_URL"
)

// The stacks that tests share: a test process is the one place where globals fit.
var (
	running     *Stack // which others run
	findRunning sync.Once

	embedded      *Stack // which this run started
	startEmbedded sync.Once
	ready         bool // what startEmbedded does went well
)

// Shared returns a stack that other tests use at the same time: the one that runs already, where the environment names one
// and offers what the test needs, else the run's own embedded one. The test may only speak of commands that are its own.
func Shared(t testing.TB, needs ...Need) *Stack {
	t.Helper()
	if offered(append(needs, "COMMAND_URL", "QUERY_URL", "CONSUMER_URL")) {
		findRunning.Do(func() { running = fromEnvironment(t) })
		if running == nil {
			t.Fatal("the stack that runs already cannot be used; the first test that needed it says why")
		}
		return running
	}
	return Embedded(t)
}

// Embedded returns the run's own embedded stack, which other tests use at the same time.
func Embedded(t testing.TB) *Stack {
	t.Helper()
	startEmbedded.Do(func() {
		embedded = prepare(t, Config{Broker: kafkatest.Broker(t), Database: pgtest.Lasting(t)})
		embedded.startAll(t)
		ready = true
	})
	if !ready {
		t.Fatal("the shared stack did not start; the first test that needed it says why")
	}
	for _, p := range embedded.running {
		p.ShowOnFailure(t)
	}
	return embedded
}

// offered reports whether the environment has all of the variables.
func offered(variables []Need) bool {
	return !slices.ContainsFunc(variables, func(n Need) bool { return os.Getenv(string(n)) == "" })
}

// fromEnvironment returns the stack that the environment says where to find.
func fromEnvironment(t testing.TB) *Stack {
	t.Helper()
	s := &Stack{
		Command:  client.New(os.Getenv("COMMAND_URL")),
		Query:    client.New(os.Getenv("QUERY_URL")),
		Consumer: client.New(os.Getenv("CONSUMER_URL")),
		Broker:   os.Getenv(string(Kafka)),
		Topic:    cmp.Or(os.Getenv("KAFKA_PUBLISH_TOPIC"), "timestamp.command.v1"),
	}
	s.Queries = []*client.Service{s.Query}
	if url := os.Getenv(string(SQL)); url != "" {
		var err error
		if s.pool, err = pgxpool.New(context.Background(), withPool(url)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// StopShared stops what Shared started. No test may run any more.
func StopShared() error {
	if running != nil && running.pool != nil {
		running.pool.Close()
	}
	if embedded == nil {
		return nil
	}
	return embedded.stop()
}
