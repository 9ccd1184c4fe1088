package control

import (
	"context"
	"fmt"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

// Settled makes sure of the control topic and returns a fault of kind Away until every decision that it holds was carried
// out. A version begins to apply records only then, so that a rebuild knows of all discarded records before it comes to
// the first of them (G7), whichever process carries out the decisions.
func Settled(ctx context.Context, cfg kafka.Config, topic string, ledger apply.Ledger) error {
	if _, err := cfg.EnsureTopic(kafka.TopicSpec{Name: topic, Partitions: 1}); err != nil {
		return kafka.Classify(fmt.Errorf("make sure of topic %s: %w", topic, err))
	}
	admin, err := cfg.OpenAdmin()
	if err != nil {
		return kafka.Classify(fmt.Errorf("connect: %w", err))
	}
	defer func() { _ = admin.Close() }()
	held, exists, err := admin.Topic(topic)
	if err != nil || !exists {
		return kafka.Classify(fmt.Errorf("look at topic %s (exists: %t): %w", topic, exists, err))
	}
	checkpoints, err := ledger.Checkpoints(ctx)
	if err != nil {
		return err
	}
	for _, p := range held.Partitions {
		next := checkpoints[kafka.Partition{Topic: topic, Number: p.Number}].Next
		if next < p.End {
			return fault.New(fault.CodeDatabaseAway, fmt.Sprintf(
				"waiting for the decisions in %s: %d of %d are carried out", topic, next, p.End), nil)
		}
	}
	return nil
}
