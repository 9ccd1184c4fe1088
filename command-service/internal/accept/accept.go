// Package accept makes a request a kept command: it checks what is asked for, mints the command's id, publishes it, and
// waits until every in-sync replica has it.
//
// It promises that a ticket without an error means kept (G1), that a ticket with an error of kind Unconfirmed names a
// command that may be kept or come to be (G2), and that after any other error there is no command. It holds nothing of
// its own between two calls and knows nothing of HTTP. Package api calls it.
package accept

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Ticket is what a client holds for its command.
type Ticket struct {
	ID       uuid.UUID
	Position position.Position // its offset may be unknown although the command is kept
}

// Accepter accepts commands.
type Accepter struct {
	producer *kafka.Producer
	log      *slog.Logger
}

// New returns an Accepter whose commands wait for their acknowledgement as long as the producer does.
func New(producer *kafka.Producer, log *slog.Logger) *Accepter {
	return &Accepter{producer: producer, log: log}
}

// keep publishes a command and returns its ticket when it is kept.
func (a *Accepter) keep(ctx context.Context, id uuid.UUID, key, value []byte) (Ticket, error) {
	ticket := Ticket{ID: id}
	crash.Here("accept: id made")
	// A client that leaves does not stop its command, so neither does it end the wait for what became of it.
	at, err := a.producer.Send(context.WithoutCancel(ctx), kafka.Message{
		Key: key, Value: value,
		Headers: []kafka.Header{{Key: command.CorrelationHeader, Value: []byte(telemetry.Correlation(ctx))}},
	})
	if err != nil {
		if ctx.Err() != nil && fault.Is(err, fault.Unconfirmed) {
			a.log.WarnContext(ctx, "the command may be kept, but its client left before it was told so", "command_id", id, "error", err)
		}
		return ticket, fmt.Errorf("publish command %s: %w", id, err)
	}
	crash.Here("accept: acknowledged")
	ticket.Position = at // G1: only now is there a ticket
	if ctx.Err() != nil {
		a.log.WarnContext(ctx, "the command is kept, but its client left before the ticket", "command_id", id,
			"topic", at.Topic, "partition", at.Partition, "offset", at.Offset)
	}
	return ticket, nil
}

// mint returns the id of a new command: the one that belongs to the Idempotency-Key, or a new one where there is none.
func mint(keys []string) (uuid.UUID, error) {
	switch len(keys) {
	case 0:
		return command.NewID()
	case 1:
		id, err := command.IDFromKey(keys[0])
		if err != nil {
			return uuid.Nil, invalid(fault.CodeInvalidIdempotencyKey, err)
		}
		return id, nil
	default:
		return uuid.Nil, invalid(fault.CodeInvalidIdempotencyKey, errors.New("a request has one Idempotency-Key, not several"))
	}
}
