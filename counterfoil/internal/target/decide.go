package target

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Verdict are the flags of a command that records decisions.
type Verdict struct {
	Reason       string        `required:"" help:"Why; it is recorded with the decision." placeholder:"TEXT"`
	By           string        `help:"Who decides; without it the name of the user who runs this." placeholder:"NAME"`
	DryRun       bool          `help:"Show what would be decided, and decide nothing."`
	Wait         time.Duration `default:"10s" help:"How long to wait until the consumer-service has carried the decisions out."`
	ControlTopic string        `default:"counterfoil.control.v1" env:"KAFKA_CONTROL_TOPIC" help:"Topic of the decisions."`
}

// Outcome is what a decision came to.
type Outcome struct {
	Decision decision.Verb `json:"decision"`
	Position string        `json:"position"`
	Effect   string        `json:"effect"` // "" where it was not carried out in time
}

// Decide records the decisions, each with the verdict's reason and person, and waits until they are carried out. The error
// carries exit.NotYet when some were not in time; they are recorded all the same.
func (v Verdict) Decide(ctx context.Context, cfg kafka.Config, pool *postgres.Pool, decisions []decision.Decision) ([]Outcome, error) {
	outcomes := make([]Outcome, len(decisions))
	messages := make([]kafka.Message, len(decisions))
	for i, d := range decisions {
		d.Reason, d.By = v.Reason, v.person()
		value, err := d.Value()
		if err != nil {
			return nil, exit.With(exit.Usage, err)
		}
		messages[i] = kafka.Message{Key: d.Key(), Value: value}
		outcomes[i] = Outcome{Decision: d.Verb, Position: d.Position.String()}
	}
	if v.DryRun {
		return outcomes, nil
	}
	positions, err := cfg.Publish(v.ControlTopic, messages...)
	if err != nil {
		return nil, fmt.Errorf("record the decisions (%d of %d were): %w", len(positions), len(messages), err)
	}
	ctx, cancel := context.WithTimeout(ctx, v.Wait)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for i, at := range positions {
		for outcomes[i].Effect == "" {
			if outcomes[i].Effect, err = readmodel.Effect(ctx, pool, at); err != nil && ctx.Err() == nil {
				return outcomes, fmt.Errorf("the decisions are recorded; look what they came to: %w", err)
			}
			select {
			case <-ctx.Done():
				return outcomes, exit.With(exit.NotYet, errors.New("the decisions are recorded, but the consumer-service has not carried all of them out yet; is it running?"))
			case <-ticker.C:
			}
		}
	}
	return outcomes, nil
}

func (v Verdict) person() string { return Person(v.By) }

// Person returns who decides: the name that was given, or that of the user who runs this.
func Person(by string) string {
	if by != "" {
		return by
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}
