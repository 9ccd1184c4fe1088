package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

// A load is clients that send commands one after the other until they are stopped.
type load struct {
	t      *testing.T
	end    chan struct{}
	ending sync.Once
	done   sync.WaitGroup

	mu      sync.Mutex
	tickets []ticket
	refused []error
}

// startLoad starts that many clients. They are stopped at the end of the test if the test does not do it.
func startLoad(t *testing.T, s *stack.Stack, clients int) *load {
	l := &load{t: t, end: make(chan struct{})}
	for client := range clients {
		l.done.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.end:
					return
				default:
				}
				held, err := post(t.Context(), s, "/api/v1/timestamp/"+eventTime(client*1000+n))
				l.mu.Lock()
				if err == nil {
					l.tickets = append(l.tickets, held)
				} else {
					l.refused = append(l.refused, err)
				}
				l.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// await waits until that many more tickets were given.
func (l *load) await(more int) {
	l.t.Helper()
	l.mu.Lock()
	want := len(l.tickets) + more
	l.mu.Unlock()
	await.Until(l.t, func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.tickets) < want {
			return fmt.Errorf("%d tickets, want %d; refused: %v", len(l.tickets), want, l.refused)
		}
		return nil
	})
}

// stop lets the clients end what they do and returns all tickets. A client that is refused ends earlier, so errors are
// the test's to judge: see requireNoneRefused.
func (l *load) stop() []ticket {
	l.ending.Do(func() { close(l.end) })
	l.done.Wait()
	return l.tickets
}

// requireNoneRefused stops the load and returns all tickets; the test fails if one command was refused.
func (l *load) requireNoneRefused() []ticket {
	l.t.Helper()
	tickets := l.stop()
	for _, err := range l.refused {
		l.t.Errorf("a command was refused: %v", err)
	}
	return tickets
}
