// Package history is the commands history …: going on although a topic no longer holds what is still needed.
package history

import (
	"context"
	"errors"
	"fmt"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/status"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Commands are the commands below `counterfoil history`.
type Commands struct {
	Accept Accept `cmd:"" help:"Go on although records are gone, for every partition that is refused for it."`
}

// Accept is `counterfoil history accept`.
type Accept struct {
	target.Servers `embed:""`
	target.Verdict `embed:""`
	ReadModel      string `help:"Only for this read model." placeholder:"NAME"`
}

// Help is shown by --help.
func (*Accept) Help() string {
	return `Examples:

    counterfoil history accept --reason "the cluster was set up anew" --dry-run
    counterfoil history accept --reason "the cluster was set up anew"

Where a topic was re-created, or records were deleted before they were applied, the consumer-service refuses the partition.
This decides to go on at the first record that the topic still holds, or at its end where that was lost. What is gone stays
gone: restore the topic instead if you can. The decision holds for the topic as it is now, not for a later loss.`
}

// Run accepts the losses.
func (c *Accept) Run(ctx context.Context, p *show.Printer) error {
	servers, err := c.Open(ctx, p)
	if err != nil {
		return err
	}
	defer servers.Close()
	versions, err := readmodel.DeclaredVersions(ctx, servers.Pool)
	if err != nil {
		return fmt.Errorf("read the versions: %w", err)
	}
	var decisions []decision.Decision
	for _, version := range versions {
		if c.ReadModel != "" && version.Name != c.ReadModel {
			continue
		}
		lost, err := losses(ctx, servers, version)
		if err != nil {
			return err
		}
		decisions = append(decisions, lost...)
	}
	if len(decisions) == 0 {
		return exit.With(exit.NotYet, errors.New("no partition is refused for lost history"))
	}
	cfg, _, err := servers.Finder.FindBroker(c.Broker)
	if err != nil {
		return err
	}
	outcomes, decideErr := c.Decide(ctx, cfg, servers.Pool, decisions)
	if outcomes == nil {
		return decideErr
	}
	err = p.Result(outcomes, func(page *show.Page) {
		var rows [][]show.Cell
		for _, o := range outcomes {
			rows = append(rows, []show.Cell{show.Text("go on at " + o.Position), show.Text(o.Effect)})
		}
		page.Table([]string{"decision", "effect"}, rows)
	})
	return errors.Join(err, decideErr)
}

// losses returns a decision to go on for each partition that is refused.
func losses(ctx context.Context, servers *target.Opened, version readmodel.Declared) ([]decision.Decision, error) {
	checkpoints, err := readmodel.Checkpoints(ctx, servers.Pool, version.Group)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints of %s: %w", version.Label(), err)
	}
	var decisions []decision.Decision
	for _, name := range version.Declaration.Topics() {
		topic, exists, err := servers.Admin.Topic(name)
		if err != nil {
			return nil, err
		}
		if !exists {
			return nil, fmt.Errorf("topic %s does not exist; create it first, with the partitions that it had", name)
		}
		decisions = append(decisions, topicLosses(version, topic, checkpoints)...)
	}
	return decisions, nil
}

func topicLosses(version readmodel.Declared, topic kafka.Topic, checkpoints []readmodel.Checkpoint) []decision.Decision {
	var decisions []decision.Decision
	for _, r := range topic.Partitions {
		checkpoint := status.Find(checkpoints, topic.Name, r.Number)
		held := readmodel.History{Topic: topic.Name, TopicID: topic.ID, Partition: r.Number, First: r.First, End: r.End}
		if held.Lost(checkpoint) == nil {
			continue
		}
		accept := decision.Decision{
			Verb: decision.AcceptLoss, ReadModel: version.Name, TopicID: topic.ID,
			Position: position.Position{Topic: topic.Name, Partition: r.Number, Offset: held.GoOn(checkpoint)},
		}
		if checkpoint != nil {
			accept.Checkpoint = &checkpoint.Next
		}
		decisions = append(decisions, accept)
	}
	return decisions
}
