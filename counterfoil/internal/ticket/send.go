package ticket

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/counterfoil/internal/client"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
)

// Send is the command `counterfoil send`.
type Send struct {
	Timestamp      string        `arg:"" optional:"" help:"RFC 3339 with an offset, such as 2009-09-28T19:03:12Z; without it the present instant."`
	Wait           time.Duration `help:"Follow the ticket this long until its outcome is known, such as 5s." placeholder:"DURATION"`
	IdempotencyKey string        `help:"Makes the ticket's id, so that a repeat with the same key has no second effect." placeholder:"KEY"`
	CorrelationID  string        `name:"correlation-id" help:"UUID by which to find the command in every log." placeholder:"UUID"`
	CommandURL     string        `name:"command-url" help:"Address of the command-service." placeholder:"URL"`
	QueryURL       string        `name:"query-url" help:"Address of the query-service." placeholder:"URL"`
	Data           string        `help:"Data directory of counterfoil dev, whose file env says where the services are." default:".counterfoil" type:"path"`
}

// Help is shown by --help.
func (s *Send) Help() string {
	return `Examples:

    counterfoil send
    counterfoil send 2009-09-28T19:03:12Z --wait 5s
    counterfoil send --idempotency-key order-4711 -o json

Without --wait the outcome is still pending, which is no failure: every in-sync replica of the broker has the command.`
}

// Validate refuses what the service would refuse, so that it is a mistake in the arguments.
func (s *Send) Validate() error {
	if s.Timestamp != "" {
		if _, err := command.ParseTimestamp(s.Timestamp); err != nil {
			return err
		}
	}
	if s.IdempotencyKey != "" {
		if _, err := command.IDFromKey(s.IdempotencyKey); err != nil {
			return err
		}
	}
	if _, err := uuid.Parse(s.CorrelationID); s.CorrelationID != "" && (err != nil || len(s.CorrelationID) != 36) {
		return fmt.Errorf("%q is not a UUID such as 52f2665d-c087-42e5-a571-89061021a37c", s.CorrelationID)
	}
	return nil
}

// Run sends the command and shows its ticket.
func (s *Send) Run(ctx context.Context, p *show.Printer) error {
	finder, err := target.NewFinder(s.Data, os.Getenv)
	if err != nil {
		return err
	}
	at, err := finder.FindURL(target.CommandURL, s.CommandURL)
	if err != nil {
		return err
	}
	p.Explain("command-service %s (%s)", at.Value, at.From())
	began := time.Now()
	accepted, err := client.New(at).Send(ctx, client.Command{
		Timestamp: s.Timestamp, IdempotencyKey: s.IdempotencyKey, CorrelationID: s.CorrelationID,
	})
	t := &Ticket{ID: accepted.ID, Position: accepted.Position, CorrelationID: accepted.CorrelationID, Outcome: client.Pending, TicketSeconds: since(began)}
	if err != nil && !t.unknown(err) {
		return unanswered(err)
	}
	if s.Wait > 0 {
		queryAt, err := finder.FindURL(target.QueryURL, s.QueryURL)
		if err != nil {
			return err
		}
		p.Explain("query-service %s (%s)", queryAt.Value, queryAt.From())
		if err := t.wait(ctx, client.New(queryAt), s.Wait); err != nil {
			return errors.Join(p.Result(t, t.page), err)
		}
		t.OutcomeSeconds = since(began)
	}
	if err := p.Result(t, t.page); err != nil || s.Wait == 0 && t.Outcome == client.Pending {
		return err
	}
	return t.judge()
}

// wait follows the ticket. Of a command that may or may not be kept, pending says nothing.
func (t *Ticket) wait(ctx context.Context, query *client.Client, wait time.Duration) error {
	before := t.Outcome
	if err := t.follow(ctx, query, wait); err != nil {
		return err
	}
	if before == unknown && t.Outcome == client.Pending {
		t.Outcome = unknown
	}
	return nil
}

// unknown reports whether the error leaves it open whether the command was kept, and takes the ticket from it.
func (t *Ticket) unknown(err error) bool {
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok || fault.Code(problem.Code) != fault.CodeOutcomeUnknown {
		return false
	}
	t.ID, t.CorrelationID, t.Outcome, t.Reason = problem.ID, problem.CorrelationID, unknown, problem.Detail
	return true
}

// unanswered explains why there is no ticket. Without an answer the request may have been received, and nobody knows.
func unanswered(err error) error {
	if u, ok := errors.AsType[*client.Unreachable](err); ok && u.MayHaveArrived() {
		return exit.With(exit.Unknown, fmt.Errorf("nobody knows whether the command was kept; repeat it with the same --idempotency-key: %w", err))
	}
	return explain(err)
}
