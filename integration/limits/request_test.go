package limits

import (
	"net/http"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

const (
	maxBody   = 64 << 10
	maxHeader = 16<<10 + 8<<10 // net/http adds 4 KiB to what it is told, and has read up to 4 KiB of a later request before it counts
)

func TestRequests_WhatIsTooLargeIsRefusedBeforeItIsACommand(t *testing.T) {
	t.Parallel()
	s := startCommand(t, stack.Config{})
	t.Run("announced body", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp", "Content-Length: 65537"))
		check(t, w.send(strings.Repeat("x", maxBody)))
		requireProblem(t, w.mustAnswer(t), http.StatusRequestEntityTooLarge, "body-too-large")
		w.requireCut(t)
	})
	t.Run("announced body of 1 TiB", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp", "Content-Length: 1099511627776"))
		requireProblem(t, w.mustAnswer(t), http.StatusRequestEntityTooLarge, "body-too-large")
		w.requireCut(t)
	})
	t.Run("chunked body", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp", "Transfer-Encoding: chunked"))
		check(t, w.send("10001", strings.Repeat("x", maxBody+1), "0", ""))
		requireProblem(t, w.mustAnswer(t), http.StatusRequestEntityTooLarge, "body-too-large")
		w.requireCut(t)
	})
	t.Run("broken chunks", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp", "Transfer-Encoding: chunked"))
		check(t, w.send("many", "x"))
		requireProblem(t, w.mustAnswer(t), http.StatusBadRequest, "broken-request")
		w.requireCut(t)
	})
	awaitMetric(t, s.CommandProcess, 0, "counterfoil_produce_ack_seconds_count")
	t.Run("largest body", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp", "Transfer-Encoding: chunked"))
		check(t, w.send("10000", strings.Repeat("x", maxBody), "0", ""))
		if answer := w.mustAnswer(t); answer.Status != http.StatusOK {
			t.Errorf("got %d %s", answer.Status, answer.Body)
		}
	})
	requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
	requireMemory(t, "refusing requests", s.CommandProcess)
}

func TestRequests_WhatIsNoRequestIsAnsweredInPlainText(t *testing.T) {
	t.Parallel()
	s := startCommand(t, stack.Config{})
	for name, test := range map[string]struct {
		lines []string
		want  int
	}{
		"one long header":    {[]string{"POST /api/v1/timestamp HTTP/1.1", "Host: limits", "X: " + strings.Repeat("x", maxHeader), ""}, http.StatusRequestHeaderFieldsTooLarge},
		"many headers":       {[]string{"POST /api/v1/timestamp HTTP/1.1", "Host: limits", strings.Repeat("X: x\r\n", maxHeader/5), ""}, http.StatusRequestHeaderFieldsTooLarge},
		"long URL":           {[]string{"POST /api/v1/timestamp/" + strings.Repeat("x", maxHeader) + " HTTP/1.1", "Host: limits", ""}, http.StatusRequestHeaderFieldsTooLarge},
		"no host":            {[]string{"POST /api/v1/timestamp HTTP/1.1", ""}, http.StatusBadRequest},
		"no HTTP":            {[]string{"hello", ""}, http.StatusBadRequest},
		"two lengths":        {[]string{"POST /api/v1/timestamp HTTP/1.1", "Host: limits", "Content-Length: 1", "Content-Length: 2", ""}, http.StatusBadRequest},
		"negative length":    {[]string{"POST /api/v1/timestamp HTTP/1.1", "Host: limits", "Content-Length: -1", ""}, http.StatusBadRequest},
		"unknown encoding":   {[]string{"POST /api/v1/timestamp HTTP/1.1", "Host: limits", "Transfer-Encoding: gzip", ""}, http.StatusNotImplemented},
		"control characters": {[]string{"POST /api/v1/\x00 HTTP/1.1", "Host: limits", ""}, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, s.Command)
			check(t, w.send(test.lines...))
			requirePlain(t, w.mustAnswer(t), test.want)
			w.requireCut(t)
		})
	}
	t.Run("longest URL", func(t *testing.T) {
		w := dial(t, s.Command)
		check(t, w.request("POST", "/api/v1/timestamp/"+strings.Repeat("x", 15<<10)))
		requireProblem(t, w.mustAnswer(t), http.StatusBadRequest, "invalid-timestamp")
	})
	requireServed(t, s.Command, http.MethodPost, "/api/v1/timestamp")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
