package load_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/load"
)

// counting is a server that refuses every third request.
func counting(t *testing.T) (address string, requests *atomic.Int64) {
	t.Helper()
	requests = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%3 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), requests
}

func get(c *load.Caller, _ uint64) error {
	c.Request.SetRequestURI("http://server/")
	if err := c.Do(); err != nil {
		return err
	}
	return load.Want(c.Response, http.StatusOK)
}

func TestOpen_MakesTheCallsThatAreDueAndTellsErrorsFromAnswers(t *testing.T) {
	t.Parallel()
	address, requests := counting(t)
	crowd := load.NewCrowd(address, 4)
	defer crowd.Close()
	result, err := crowd.Open(t.Context(), 100*time.Millisecond, 300, get)
	if err != nil {
		t.Fatal(err)
	}
	if requests.Load() != 30 || result.Calls != 20 || result.Errors != 10 || result.First == nil || result.Latency.TotalCount() != 20 {
		t.Errorf("%d requests, result %+v", requests.Load(), result)
	}
}

func TestClosed_CountsEveryRequestOnce(t *testing.T) {
	t.Parallel()
	address, requests := counting(t)
	crowd := load.NewCrowd(address, 3)
	defer crowd.Close()
	for range 2 {
		before := requests.Load()
		result, err := crowd.Closed(t.Context(), 50*time.Millisecond, get)
		if err != nil {
			t.Fatal(err)
		}
		if sent := requests.Load() - before; int64(result.Calls+result.Errors) != sent {
			t.Errorf("%d requests came, result %+v", sent, result)
		}
	}
}

func TestClosed_NoAnswerAtAllIsAnError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	crowd := load.NewCrowd(listener.Addr().String(), 2)
	defer crowd.Close()
	if result, err := crowd.Closed(t.Context(), time.Millisecond, get); err == nil {
		t.Errorf("nobody listens, and the result is %+v", result)
	}
}
