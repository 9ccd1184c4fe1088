package service_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/service"
)

// journal notes what happens, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) note(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

// part returns one that takes a second to stop and then returns err.
func (j *journal) part(name string, err error) service.Part {
	return service.Part{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		j.note(name + " is asked to stop")
		<-time.After(time.Second)
		j.note(name + " stopped")
		return err
	}}
}

// fails returns one that ends by itself after a second.
func (j *journal) fails(name string, err error) service.Part {
	return service.Part{Name: name, Run: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
			j.note(name + " failed")
			return err
		}
	}}
}

var quiet = slog.New(slog.DiscardHandler)

func TestRun_StopsInReverseOrderEachAfterTheOneBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- service.Run(ctx, quiet, j.part("pool", nil), j.part("http", nil), j.part("readiness", nil))
		}()
		synctest.Wait()
		if len(j.all()) != 0 || len(done) != 0 {
			t.Fatalf("it does not run until it is asked to stop: %q", j.all())
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("a stop that was asked for is the failure %v", err)
		}
		want := []string{
			"readiness is asked to stop", "readiness stopped", "http is asked to stop", "http stopped", "pool is asked to stop", "pool stopped",
		}
		if got := j.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestRun_AFailingPartEndsTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		var logged bytes.Buffer
		broken := errors.New("broken")
		err := service.Run(t.Context(), slog.New(slog.NewJSONHandler(&logged, nil)),
			j.part("pool", nil), j.fails("http", broken), j.part("readiness", nil))
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "http") {
			t.Errorf("got %v", err)
		}
		want := []string{"http failed", "readiness is asked to stop", "readiness stopped", "pool is asked to stop", "pool stopped"}
		if got := j.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if !strings.Contains(logged.String(), `"level":"ERROR"`) || !strings.Contains(logged.String(), `"part":"http"`) {
			t.Errorf("logged %s", &logged)
		}
	})
}

func TestRun_APartThatEndsByItselfIsAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		if err := service.Run(t.Context(), quiet, j.fails("http", nil)); err == nil || !strings.Contains(err.Error(), "http: ended by itself") {
			t.Errorf("got %v", err)
		}
	})
}

func TestRun_EveryFailureOfStoppingIsReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		one, two := errors.New("one"), errors.New("two")
		err := service.Run(ctx, quiet, j.part("a", one), j.part("b", context.Canceled), j.part("c", two))
		if !errors.Is(err, one) || !errors.Is(err, two) || errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if !strings.HasPrefix(err.Error(), "stop c: two") {
			t.Errorf("the first failure is not the first: %v", err)
		}
	})
}

// A part sees values of the context that it is run with, but not its end: it ends when its turn has come.
func TestRun_PartsDoNotEndWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		var atOnce, value any
		first := service.Part{Name: "first", Run: func(ctx context.Context) error {
			<-ctx.Done()
			return nil
		}}
		slow := service.Part{Name: "slow", Run: func(part context.Context) error {
			<-part.Done()
			value = part.Value(key{})
			<-time.After(time.Minute)
			return nil
		}}
		watch := service.Part{Name: "watch", Run: func(part context.Context) error {
			<-ctx.Done()
			atOnce = part.Err()
			<-part.Done()
			return nil
		}}
		go cancel()
		if err := service.Run(ctx, quiet, first, watch, slow); err != nil {
			t.Error(err)
		}
		if atOnce != nil || value != "value" {
			t.Errorf("ended at once with %v, value %v", atOnce, value)
		}
	})
}

func TestRun_LeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	idle := func(ctx context.Context) error { <-ctx.Done(); return nil }
	if err := service.Run(ctx, quiet, service.Part{Name: "a", Run: idle}, service.Part{Name: "b", Run: idle}); err != nil {
		t.Error(err)
	}
}
