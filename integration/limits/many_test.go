package limits

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/command"
)

func TestMany_IdleConnectionsAndLongPollsLeaveRoomForOthers(t *testing.T) {
	s := stack.Own(t, stack.Config{})
	t.Run("idle connections to the command-service", func(t *testing.T) {
		idle := openIdle(t, s.Command, s.CommandProcess)
		requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
		requireMemory(t, fmt.Sprintf("with %d idle connections", connections), s.CommandProcess)
		hangUp(idle)
	})
	t.Run("idle connections to the query-service", func(t *testing.T) {
		idle := openIdle(t, s.Query, s.QueryProcess)
		requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp")
		requireMemory(t, fmt.Sprintf("with %d idle connections", connections), s.QueryProcess)
		hangUp(idle)
	})
	t.Run("long polls", func(t *testing.T) {
		key := uuid.NewString()
		id, err := command.IDFromKey(key)
		check(t, err)
		open := openIdle(t, s.Query, s.QueryProcess)
		waiting := open[:polls]
		each(t, polls, func(i int) error {
			awaited := uuid.New()
			if i == polls/2 {
				awaited = id
			}
			return waiting[i].request(http.MethodGet, "/api/v1/timestamp/"+awaited.String()+"?wait=30s")
		})
		awaitMetric(t, s.QueryProcess, polls, "counterfoil_long_polls_waiting")
		refused, err := s.Query.Get(t.Context(), "/api/v1/timestamp/"+uuid.NewString()+"?wait=1s")
		check(t, err)
		requireProblem(t, refused, http.StatusServiceUnavailable, "too-many-waiting")
		requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp")
		sent, err := s.Command.Do(t.Context(), http.MethodPost, "/api/v1/timestamp", "Idempotency-Key", key)
		check(t, err)
		check(t, sent.Want(http.StatusOK))
		if found := waiting[polls/2].mustAnswer(t); found.Status != http.StatusOK || found.Text("id") != id.String() {
			t.Errorf("the one who waits for what came got %d %s", found.Status, found.Body)
		}
		requireMemory(t, fmt.Sprintf("with %d connections, %d of which wait", connections, polls), s.QueryProcess)
		hangUp(open)
		awaitMetric(t, s.QueryProcess, 0, "counterfoil_long_polls_waiting")
		requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp/"+id.String()+"?wait=1s")
		requireMemory(t, "after all of them left", s.QueryProcess)
	})
}

// polls is how many requests wait at the same time: the default of MAX_WAITING.
const polls = 4096

// openIdle opens connections that are used once and kept, and returns when all of them are there.
func openIdle(t *testing.T, service *client.Service, p *process.Process) []*wire {
	t.Helper()
	idle := dialMany(t, service, connections)
	each(t, connections, func(i int) error {
		if err := idle[i].request(http.MethodGet, "/livez"); err != nil {
			return err
		}
		answer, err := idle[i].answer()
		if err != nil {
			return err
		}
		return answer.Want(http.StatusOK)
	})
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	check(t, err)
	if len(files) < connections {
		t.Fatalf("%s has only %d files open", p.Service, len(files))
	}
	return idle
}

func TestWaiting_AFullTableRefusesAtOnceAndMakesRoomWhenSomebodyLeaves(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{Query: []string{"MAX_WAITING=4"}})
	path := func() string { return "/api/v1/timestamp/" + uuid.NewString() + "?wait=30s" }
	waiting := dialMany(t, s.Query, 4)
	for _, w := range waiting {
		check(t, w.request(http.MethodGet, path()))
	}
	awaitMetric(t, s.QueryProcess, 4, "counterfoil_long_polls_waiting")
	for _, full := range []string{path(), "/api/v1/tickets/" + uuid.NewString() + "?wait=30s"} {
		refused, err := s.Query.Get(t.Context(), full)
		check(t, err)
		requireProblem(t, refused, http.StatusServiceUnavailable, "too-many-waiting")
		if refused.Header.Get("Retry-After") == "" {
			t.Errorf("the refusal does not say when to try again: %v", refused.Header)
		}
	}
	requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp")

	check(t, waiting[0].Close()) // leaves in mid wait
	awaitMetric(t, s.QueryProcess, 3, "counterfoil_long_polls_waiting")
	awaitMetric(t, s.QueryProcess, 1, "counterfoil_long_polls_total", `end="gone"`)
	sent, err := s.Command.Do(t.Context(), http.MethodPost, "/api/v1/timestamp")
	check(t, err)
	requireServed(t, s.Query, http.MethodGet, "/api/v1/timestamp/"+sent.Text("id")+"?wait=30s")
}

func TestLeaving_AClientThatLeavesHoldsNothing(t *testing.T) {
	t.Parallel()
	s := startCommand(t, stack.Config{})
	const many = 500
	headers, bodies, answers := dialMany(t, s.Command, many), dialMany(t, s.Command, many), dialMany(t, s.Command, many)
	each(t, many, func(i int) error { return headers[i].send("POST /api/v1/timestamp HTTP/1.1", "Host: limits") })
	each(t, many, func(i int) error { return bodies[i].request("POST", "/api/v1/timestamp", "Content-Length: 100") })
	each(t, many, func(i int) error { return answers[i].request("POST", "/api/v1/timestamp") })
	hangUp(headers)
	hangUp(bodies)
	hangUp(answers)
	await.Until(t, func(context.Context) error {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.CommandProcess.PID()))
		if err == nil && len(files) > 100 {
			err = fmt.Errorf("the command-service has %d files open", len(files))
		}
		return err
	})
	awaitMetric(t, s.CommandProcess, 0, "counterfoil_produce_in_flight")
	requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
	requireMemory(t, "with clients who leave", s.CommandProcess)
}
