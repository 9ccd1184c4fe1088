package integration

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/integration/internal/await"
	"github.com/counterfoil/counterfoil/integration/internal/process"
	"github.com/counterfoil/counterfoil/integration/internal/stack"
)

func TestCorrelation_OneIDLeadsThroughAllServices(t *testing.T) {
	t.Parallel()
	s := stack.Own(t, stack.Config{Consumer: []string{"LOG_LEVEL=debug"}})
	for name, sent := range map[string]string{
		"the client's own": "52F2665D-C087-42E5-A571-89061021A37C", // as some clients write it
		"a new one":        "",
	} {
		var header []string
		if sent != "" {
			header = []string{"correlationId", sent}
		}
		answer, err := s.Command.Do(t.Context(), "POST", "/api/v1/timestamp/2006-01-02T15:04:05Z", header...)
		if err != nil {
			t.Fatal(err)
		}
		id, commandID := answer.Header.Get("correlationId"), answer.Text("id")
		if sent != "" && id != strings.ToLower(sent) {
			t.Errorf("%s: the answer has %q", name, id)
		}
		record := s.Record(t, answer.Header.Get("Ticket-Position"))
		if len(record.Headers) != 1 || record.Headers[0].Key != "correlationId" || string(record.Headers[0].Value) != id {
			t.Errorf("%s: the record has the headers %v", name, record.Headers)
		}
		read := mustRead(t, s, commandID, "correlationId", id)
		if got := read.Header.Get("correlationId"); got != id {
			t.Errorf("%s: the read is answered with %q", name, got)
		}
		requireLine(t, s.CommandProcess, name+": the command's line", "request", "correlation_id", id, "command_id", commandID)
		requireLine(t, s.QueryProcess, name+": the read's line", "request", "correlation_id", id, "command_id", commandID)
		requireLine(t, s.ConsumerProcess, name+": the record's line", "record", "correlation_id", id)
		batches := s.ConsumerProcess.Find("batch")
		if !slices.ContainsFunc(batches, func(l process.Line) bool { return slices.Contains(l.Texts("correlation_ids"), id) }) {
			t.Errorf("%s: no batch of the consumer names %s: %v", name, id, batches)
		}
	}
}

// requireLine waits for a line with the message and the facts. It may come a moment after what it tells of.
func requireLine(t *testing.T, p *process.Process, what, message string, facts ...string) {
	t.Helper()
	await.Until(t, func(context.Context) error {
		if len(p.Find(message, facts...)) == 0 {
			return errors.New(what + " is missing: " + message + " " + strings.Join(facts, " "))
		}
		return nil
	})
}
