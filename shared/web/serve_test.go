package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/web"
)

const patience = 30 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func TestServer_StopAnswersWhatIsUnderWayAndLeavesNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	listener, logged := listen(t), &logs{}
	arrived, release := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		_, _ = fmt.Fprint(w, "answered ", r.Context().Err())
	})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		stopped <- web.Server("http", slog.New(slog.NewJSONHandler(logged, nil)), listener, handler).Run(ctx)
	}()
	answered := make(chan string, 1)
	transport := &http.Transport{}
	go func() {
		response, err := (&http.Client{Transport: transport}).Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-arrived
	cancel()
	for deadline := time.Now().Add(patience); ; {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break // nobody new is let in
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it goes on listening")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a request under way: %v", err)
	default:
	}
	close(release)
	if got := <-answered; got != "answered <nil>" {
		t.Errorf("the client got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	transport.CloseIdleConnections()
	line := logged.lines(t, "listening")
	if len(line) != 1 || line[0]["part"] != "http" || line[0]["address"] != listener.Addr().String() {
		t.Errorf("logged %v", line)
	}
}

func TestServer_FailsWhenItCannotServe(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	_ = listener.Close()
	err := web.Server("http", slog.New(slog.DiscardHandler), listener, http.NotFoundHandler()).Run(t.Context())
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestServer_HeadersAreLimited(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		stopped <- web.Server("http", slog.New(slog.DiscardHandler), listener, http.NotFoundHandler()).Run(ctx)
	}()
	for size, want := range map[int]int{8 << 10: http.StatusNotFound, 64 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listener.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X", strings.Repeat("x", size))
		request.Close = true
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d bytes of headers: %d, want %d", size, response.StatusCode, want)
		}
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestListen_TakesTheGivenListenerOrOpensAPort(t *testing.T) {
	t.Parallel()
	given := listen(t)
	defer func() { _ = given.Close() }()
	if got, err := web.ListenOr(t.Context(), given, 1); err != nil || got != given {
		t.Errorf("got %v: %v", got, err)
	}
	free, err := web.ListenOr(t.Context(), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	port := free.Addr().(*net.TCPAddr).Port
	_, err = web.Listen(t.Context(), port)
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(port)) || !strings.Contains(err.Error(), "SERVER_PORT") {
		t.Errorf("a taken port: %v", err)
	}
}

func TestAdmin_HasMetricsAndProfiles(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "something_total", Help: "Something."})
	registry.MustRegister(counter)
	admin := web.Admin(registry)
	for path, want := range map[string]string{
		"/metrics": "something_total 0", "/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/cmdline": "web",
	} {
		got := httptest.NewRecorder()
		admin.ServeHTTP(got, httptest.NewRequest(http.MethodGet, path, nil))
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: %d %.200s", path, got.Code, got.Body)
		}
	}
	got := httptest.NewRecorder()
	admin.ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/health", nil))
	if got.Code != http.StatusNotFound {
		t.Errorf("/health on the admin port: %d", got.Code)
	}
}
