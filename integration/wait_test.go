package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/client"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestLongPoll_AnswersWithin100MillisecondsOfTheRowBeingVisible(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	mustRead(t, s, mustPost(t, s, "/api/v1/timestamp/2006-01-02T15:04:05Z").id)
	watcher := s.Connect(t)
	// The machine may be busy with other tests, which delays an answer at random. What counts is the middle one of several
	// tries, less what a plain request takes. Waiting that looked once a second would be 500 ms late in the middle.
	var late, plain []time.Duration
	for range 9 {
		id := uuid.NewString()
		answered := make(chan time.Time, 1)
		failed := make(chan error, 1)
		go func() {
			_, err := read(t.Context(), s, id)
			answered <- time.Now()
			failed <- err
		}()
		awaitWaiting(t, s, 1)
		s.Kafka(t).Produce(s.Topic, timestampRecord(id, 0, "2006-01-02T15:04:05Z"))
		visible := awaitVisible(t, watcher, id)
		late = append(late, (<-answered).Sub(visible))
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		mustRead(t, s, id)
		plain = append(plain, time.Since(began))
	}
	slices.Sort(late)
	slices.Sort(plain)
	t.Logf("answers came %v after the rows were seen, plain reads took %v", late, plain)
	if middle, allowed := late[len(late)/2], 100*time.Millisecond+plain[len(plain)/2]; middle > allowed {
		t.Errorf("the answer came %s after the row was visible, allowed are %s: %v", middle, allowed, late)
	}
}

func TestLongPoll_EndsWithItsTimeWithTheClientAndAtShutdown(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{})
	nobody := "/api/v1/timestamp/" + uuid.NewString()

	began := time.Now()
	answer, err := s.Query.Get(t.Context(), nobody, "Prefer", "wait=1")
	if err != nil || answer.Want(http.StatusNotFound) != nil || answer.Header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("the answer is %d %v %s, error %v", answer.Status, answer.Header, answer.Body, err)
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("it waited for %s, not for a second", took)
	}

	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := s.Query.Get(leaving, nobody+"?wait=30s")
		left <- err
	}()
	awaitWaiting(t, s, 1)
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("the client that left got %v", err)
	}
	awaitWaiting(t, s, 0)

	type result struct {
		answer client.Answer
		err    error
	}
	results := make(chan result, 20)
	for range cap(results) {
		go func() {
			answer, err := s.Query.Get(t.Context(), nobody+"?wait=30s")
			results <- result{answer, err}
		}()
	}
	awaitWaiting(t, s, float64(cap(results)))
	began = time.Now()
	if err := s.QueryProcess.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it drained for %s, which is as long as those who waited would have", took)
	}
	for range cap(results) {
		if r := <-results; r.err != nil || r.answer.Status != http.StatusNotFound {
			t.Errorf("at shutdown a client that waits gets %d %s, error %v", r.answer.Status, r.answer.Body, r.err)
		}
	}
}

// awaitWaiting waits until that many requests wait.
func awaitWaiting(t *testing.T, s *stack.Stack, want float64) {
	t.Helper()
	await.Until(t, func(ctx context.Context) error {
		waiting, _, err := s.QueryProcess.Metric(ctx, "counterfoil_long_polls_waiting")
		if err == nil && waiting != want {
			err = fmt.Errorf("%v requests wait, want %v", waiting, want)
		}
		return err
	})
}

// awaitVisible looks for the row all the time, whoever is notified of it, and returns when it was seen.
func awaitVisible(t *testing.T, watcher *pgx.Conn, id string) time.Time {
	t.Helper()
	const pause = 2 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	for {
		var visible bool
		err := watcher.QueryRow(ctx, `SELECT EXISTS (SELECT FROM timestamp_v1.timestamp_records WHERE id = $1)`, id).Scan(&visible)
		seen := time.Now()
		if err != nil {
			t.Fatal(err)
		}
		if visible {
			return seen
		}
		select {
		case <-ctx.Done():
			t.Fatalf("row %s is not visible", id)
		case <-time.After(pause):
		}
	}
}

// timestampRecord returns the record of a command as the command-service writes it.
func timestampRecord(id string, partition int32, at string) kafkatest.Record {
	return kafkatest.Record{
		Partition: partition, Key: []byte(id),
		Value: fmt.Appendf(nil, `{"command_id":"%s","event_timestamp":"%s"}`, id, at),
	}
}
