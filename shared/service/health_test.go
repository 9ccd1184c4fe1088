package service

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// served is as much of a service's settings as asking for its health needs, and one that is required besides.
type served struct {
	ServerPort int    `envconfig:"SERVER_PORT" default:"1"`
	Other      string `envconfig:"OTHER_SETTING_OF_HEALTH_TEST" required:"true"`
}

func TestHealth_AsksReadinessOnServerPort(t *testing.T) {
	for _, test := range []struct {
		name    string
		code    int
		body    string
		problem string
	}{
		{"ready", http.StatusOK, `{"status":"UP"}`, ""},
		{"not ready", http.StatusServiceUnavailable, `{"status":"DOWN","checks":[{"name":"kafka"}]}`, `"name":"kafka"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					t.Errorf("asked %s", r.URL)
				}
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			}))
			t.Cleanup(server.Close)
			t.Setenv("SERVER_PORT", strconv.Itoa(server.Listener.Addr().(*net.TCPAddr).Port))

			requireProblem(t, checkHealth(t.Context(), &served{}), test.problem)
		})
	}
}

func TestHealth_SaysWhyNobodyCanBeAsked(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for value, problem := range map[string]string{
		port:   "connection refused",
		"0":    "SERVER_PORT is 0",
		"http": "SERVER_PORT is not a valid int",
	} {
		t.Run(value, func(t *testing.T) {
			t.Setenv("SERVER_PORT", value)
			requireProblem(t, checkHealth(t.Context(), &served{}), problem)
		})
	}
	requireProblem(t, checkHealth(t.Context(), &struct{}{}), "has no SERVER_PORT")
}

func requireProblem(t *testing.T, err error, problem string) {
	t.Helper()
	switch {
	case problem == "" && err != nil:
		t.Fatalf("got the error %v", err)
	case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
		t.Fatalf("got the error %v instead of one with %q", err, problem)
	}
}
