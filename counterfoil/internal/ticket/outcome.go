// Package ticket is the commands send and get: what a client does with a ticket, with the time that each step took.
package ticket

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
)

// Ticket is what send and get show.
type Ticket struct {
	ID            string      `json:"id"`
	Position      string      `json:"position,omitempty"`
	CorrelationID string      `json:"correlation_id,omitempty"`
	Outcome       string      `json:"outcome"`
	Code          string      `json:"code,omitempty"`
	Reason        string      `json:"reason,omitempty"`
	ReadModel     string      `json:"read_model,omitempty"`
	Row           *client.Row `json:"row,omitempty"`
	// Seconds from the first byte of the request to the ticket, and to the outcome.
	TicketSeconds  *float64 `json:"ticket_seconds,omitempty"`
	OutcomeSeconds *float64 `json:"outcome_seconds,omitempty"`
}

const (
	applied = "applied"
	unknown = "unknown" // nobody knows whether the command was kept (G2); the query-service never says this
)

// follow waits for the outcome and reads the row that the command made.
func (t *Ticket) follow(ctx context.Context, query *client.Client, wait time.Duration) error {
	state, err := query.Outcome(ctx, t.ID, t.Position, wait)
	if err != nil {
		return explain(err)
	}
	t.Outcome, t.Code, t.Reason = state.Outcome, state.Code, state.Reason
	if t.Outcome != applied {
		return nil
	}
	row, model, err := query.Row(ctx, t.ID)
	if err != nil {
		return fmt.Errorf("read the row of the applied command: %w", err)
	}
	t.Row, t.ReadModel = &row, model
	return nil
}

// explain gives an error of the services its exit code.
func explain(err error) error {
	problem, ok := errors.AsType[*client.Problem](err)
	switch {
	case ok && problem.Status == http.StatusNotFound:
		return exit.With(exit.NotYet, err)
	case ok && problem.Status < http.StatusInternalServerError:
		return exit.With(exit.Usage, err)
	}
	return err
}

// judge returns the error that ends the process with the exit code of the outcome.
func (t *Ticket) judge() error {
	switch t.Outcome {
	case applied:
		return nil
	case client.Pending:
		return exit.With(exit.NotYet, fmt.Errorf("command %s is not visible yet; look again with `counterfoil get %s --wait 10s`", t.ID, t.ID))
	case unknown:
		return exit.With(exit.Unknown, fmt.Errorf("nobody knows whether command %s was kept; repeat it with the same --idempotency-key, or look with `counterfoil get %s --wait 10s`", t.ID, t.ID))
	default:
		return exit.With(exit.Refused, fmt.Errorf("command %s was kept and cannot apply", t.ID))
	}
}

// tones of the outcomes; those that are not named are bad news.
var tones = map[string]show.Tone{applied: show.Good, client.Pending: show.Warning}

func (t *Ticket) page(page *show.Page) {
	tone, ok := tones[t.Outcome]
	if !ok {
		tone = show.Bad
	}
	fields := []show.Field{
		{Name: "ticket", Value: show.Text(t.ID)},
		{Name: "position", Value: show.Text(t.Position)},
		{Name: "correlation id", Value: show.Text(t.CorrelationID)},
		{Name: "outcome", Value: show.Cell{Text: t.Outcome, Tone: tone}},
		{Name: "reason", Value: show.Text(reason(t.Code, t.Reason))},
	}
	if t.Row != nil {
		fields = append(fields,
			show.Field{Name: "event timestamp", Value: show.Text(t.Row.EventTimestamp)},
			show.Field{Name: "created at", Value: show.Text(t.Row.CreatedAt)},
			show.Field{Name: "read model", Value: show.Text(t.ReadModel)})
	}
	page.Fields(append(fields,
		show.Field{Name: "ticket after", Value: show.Text(seconds(t.TicketSeconds))},
		show.Field{Name: "outcome after", Value: show.Text(seconds(t.OutcomeSeconds))})...)
}

func reason(code, text string) string {
	if code == "" {
		return text
	}
	return code + ": " + text
}

func seconds(s *float64) string {
	if s == nil {
		return ""
	}
	return show.Duration(time.Duration(*s * float64(time.Second)))
}

// since returns the seconds since began, to the microsecond.
func since(began time.Time) *float64 {
	s := time.Since(began).Round(time.Microsecond).Seconds()
	return &s
}
