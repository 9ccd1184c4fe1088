package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// timestampV2 is version 2 of the timestamps: a column added, one renamed, an index more.
const timestampV2 = `name: timestamp
path: /timestamps
sources: [{topic: "${KAFKA_CONSUMER_TOPIC:-timestamp.command.v1}", format: json}]
key: id
table: timestamp_records
columns:
  - {name: id, type: uuid, from: $.command_id}
  - {name: occurred_at, type: timestamptz, from: $.event_timestamp}
  - {name: created_at, type: timestamptz, from: $timestamp}
  - {name: place, type: int8, from: $offset}
primary_key: [id]
write: insert
indexes:
  - columns: [occurred_at, id]
  - columns: [created_at]
`

// operator runs the operator's program against a stack.
type operator struct {
	t   *testing.T
	env []string
	dir string // of declarations
}

func newOperator(t *testing.T, s *stack.Stack, declaration string) *operator {
	t.Helper()
	o := &operator{t: t, dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(o.dir, "timestamp.yaml"), []byte(declaration), 0o600); err != nil {
		t.Fatal(err)
	}
	o.env = []string{"DB_URL=" + s.DB.OwnerURL, "KAFKA_BROKER=" + s.Broker, "KAFKA_CONSUMER_TOPIC=" + s.Topic, "READ_MODELS_DIR=" + o.dir}
	return o
}

// must runs a command that has to end with the exit code.
func (o *operator) must(exitCode int, args ...string) process.ToolResult {
	o.t.Helper()
	result := process.Tool(o.t, o.env, append([]string{"readmodel"}, args...)...)
	if result.ExitCode != exitCode {
		o.t.Fatalf("readmodel %q ended with %d:\n%s%s", args, result.ExitCode, result.Stdout, result.Stderr)
	}
	return result
}

// eventually repeats a command for as long as it says "not yet" (exit code 3): consumers that were killed come back one after the
// other.
func (o *operator) eventually(args ...string) {
	o.t.Helper()
	await.Until(o.t, func(context.Context) error {
		result := process.Tool(o.t, o.env, append([]string{"readmodel"}, args...)...)
		if result.ExitCode == 3 {
			return errors.New(result.Stderr)
		}
		if result.ExitCode != 0 {
			o.t.Fatalf("readmodel %q ended with %d:\n%s%s", args, result.ExitCode, result.Stdout, result.Stderr)
		}
		return nil
	})
}

// states returns the states of the model's versions by their numbers.
func (o *operator) states() map[int]string {
	o.t.Helper()
	var versions []struct {
		Version int    `json:"version"`
		State   string `json:"state"`
	}
	result := o.must(0, "status", "timestamp", "-o", "json")
	if err := json.Unmarshal([]byte(result.Stdout), &versions); err != nil {
		o.t.Fatalf("%v: %s", err, result.Stdout)
	}
	states := map[int]string{}
	for _, v := range versions {
		states[v.Version] = v.State
	}
	return states
}

// readers read what was posted, through every query-service, until they are stopped. They fail the test when an answer is
// not what it has to be: once somebody has seen a row everybody sees it, and always the same.
type readers struct {
	t    *testing.T
	end  chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	seen []seen
	read int
}

type seen struct{ id, body string }

func startReaders(t *testing.T, s *stack.Stack, services ...*client.Service) *readers {
	r := &readers{t: t, end: make(chan struct{})}
	for n := range 4 {
		r.done.Go(func() {
			for i := n * 1_000_000; ; i++ {
				select {
				case <-r.end:
					return
				default:
				}
				if err := r.round(t.Context(), s, services, i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return r
}

// round posts a command, waits for its row at one service, and asks another one for it and for one of long ago.
func (r *readers) round(ctx context.Context, s *stack.Stack, services []*client.Service, i int) error {
	held, err := post(ctx, s, "/api/v1/timestamp/"+eventTime(i))
	if err != nil {
		return fmt.Errorf("post: %w", err)
	}
	service := func() *client.Service { return services[rand.IntN(len(services))] }
	first, err := want200(ctx, service(), "/api/v1/timestamp/"+held.id+"?wait=30s")
	if err != nil {
		return fmt.Errorf("wait for %s: %w", held.id, err)
	}
	r.mu.Lock()
	r.seen = append(r.seen, seen{held.id, first})
	old := r.seen[rand.IntN(len(r.seen))]
	r.read++
	r.mu.Unlock()
	for _, known := range []seen{{held.id, first}, old} {
		again, err := want200(ctx, service(), "/api/v1/timestamp/"+known.id)
		if err != nil {
			return fmt.Errorf("%s was seen, and then: %w", known.id, err)
		}
		if again != known.body {
			return fmt.Errorf("%s became %s", known.body, again)
		}
	}
	ticket, err := want200(ctx, service(), "/api/v1/tickets/"+held.id+"?position="+held.position)
	if err != nil {
		return fmt.Errorf("ticket %s: %w", held.id, err)
	}
	var outcome struct{ Outcome string }
	if err := json.Unmarshal([]byte(ticket), &outcome); err != nil || outcome.Outcome != "applied" {
		return fmt.Errorf("the ticket of %s, which was seen, says %s", held.id, ticket)
	}
	return nil
}

func want200(ctx context.Context, service *client.Service, path string) (string, error) {
	answer, err := service.Get(ctx, path)
	return answer.Body, errors.Join(err, answer.Want(http.StatusOK))
}

// await waits until that many more rounds were made.
func (r *readers) await(more int) {
	r.t.Helper()
	r.mu.Lock()
	until := r.read + more
	r.mu.Unlock()
	await.Until(r.t, func(context.Context) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.read < until && !r.t.Failed() {
			return fmt.Errorf("%d rounds, want %d", r.read, until)
		}
		return nil
	})
}

func (r *readers) stop() []seen {
	close(r.end)
	r.done.Wait()
	return r.seen
}

func TestG8_AVersionIsBuiltSwitchedAndDroppedAndNobodyWaits(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	first := s.Query
	s.StartQuery(t)
	s.AwaitReady(t)
	r := startReaders(t, s, first, s.Query)
	r.await(50)

	o := newOperator(t, s, timestampV2)
	for _, step := range [][]string{
		{"migrate", "timestamp"}, {"build", "timestamp", "2"}, {"verify", "timestamp", "2"}, {"switch", "timestamp", "--to", "2"},
		{"rollback", "timestamp"}, {"switch", "timestamp", "--to", "2"}, {"retire", "timestamp", "1", "--force"}, {"drop", "timestamp", "1", "--force"},
	} {
		o.must(0, step...)
		r.await(20)
	}
	all := r.stop()
	if t.Failed() {
		return
	}
	for _, known := range all {
		answer := get(t, s.Query, "/api/v1/timestamp/"+known.id)
		if answer.Body != known.body || answer.Header.Get("Read-Model") != "timestamp/v2" {
			t.Fatalf("at last, %s is answered %s by %s", known.body, answer.Body, answer.Header.Get("Read-Model"))
		}
	}
	// What the routes of a version answer is described by the version's own document, not by that of the service.
	if status, body := raw(t, s.QueryProcess.Addresses("http")[0]+"/v1/timestamps/"+all[0].id); status != http.StatusGone {
		t.Errorf("the dropped version answers %d %s", status, body)
	}
	status, body := raw(t, s.QueryProcess.Addresses("http")[0]+"/v2/timestamps/"+all[0].id)
	var row map[string]any
	if err := json.Unmarshal([]byte(body), &row); err != nil || status != http.StatusOK ||
		row["id"] != all[0].id || row["occurred_at"] == nil || row["place"] == nil {
		t.Errorf("version 2 shows %d %s", status, body)
	}
}

func raw(t *testing.T, url string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

func TestG8_WhateverIsKilledTheVersionGoesOn(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	r := startReaders(t, s, s.Query)
	r.await(50)
	o := newOperator(t, s, timestampV2)
	again := func() {
		s.ConsumerProcess.Kill(t)
		s.StartConsumer(t)
	}
	requireState := func(want string) {
		t.Helper()
		await.Until(t, func(context.Context) error {
			if state := o.states()[2]; state != want {
				return fmt.Errorf("version 2 is %s, want %s", state, want)
			}
			return nil
		})
	}
	o.must(0, "migrate", "timestamp")
	again()
	requireState("planned")
	o.must(0, "build", "timestamp", "2", "--no-wait")
	again()
	requireState("ready")
	again()
	r.await(10)
	o.eventually("verify", "timestamp", "2")
	again()
	o.eventually("switch", "timestamp", "--to", "2")
	again()
	r.await(10)
	o.eventually("rollback", "timestamp")
	again()
	o.eventually("switch", "timestamp", "--to", "2")
	o.must(0, "retire", "timestamp", "1", "--force")
	again()
	r.await(10)
	o.must(0, "drop", "timestamp", "1", "--force")
	again()
	r.await(10)
	all := r.stop()
	if states := o.states(); states[1] != "dropped" && states[1] != "" || states[2] != "serving" {
		t.Errorf("the versions are %v", states)
	}
	for _, known := range all {
		if answer := get(t, s.Query, "/api/v1/timestamp/"+known.id); answer.Body != known.body {
			t.Fatalf("at last, %s is answered %s", known.body, answer.Body)
		}
	}
}

func TestG7_TwoBuildsHaveTheSameHash(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	s.AwaitRows(t, int64(len(postMany(t, s, 200, 8))))
	o := newOperator(t, s, timestampV2)
	build := func(version string) (hash string) {
		t.Helper()
		o.must(0, "migrate", "timestamp")
		o.must(0, "build", "timestamp", version)
		var report struct {
			Equal bool
			Hash  string
			Rows  any
		}
		result := o.must(0, "verify", "timestamp", version, "-o", "json")
		if err := json.Unmarshal([]byte(result.Stdout), &report); err != nil || !report.Equal || report.Hash == "" {
			t.Fatalf("the comparison says %s, %v", result.Stdout, err)
		}
		return report.Hash
	}
	first := build("2")
	o.must(0, "drop", "timestamp", "2", "--force")
	if second := build("3"); second != first {
		t.Errorf("the hashes are %s and %s", first, second)
	}
}
