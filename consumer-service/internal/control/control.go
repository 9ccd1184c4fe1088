// Package control applies the records of the control topic: what people decided about parked records and lost history.
//
// It promises that a decision is carried out in the transaction that records it and moves the checkpoint, once, for every
// version of the read model that this process keeps; and that an empty database takes all decisions again (G7). Package
// delivery brings it the records, as it does for read models.
package control

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Name stands for a read model's where the control topic is spoken of. It cannot be the name of one.
const Name = "counterfoil.control"

// Applier applies decisions.
type Applier struct {
	apply.Ledger
	versions []*apply.Applier
	log      *slog.Logger
}

// New returns an applier of decisions about the versions, which has checkpoints of its own.
func New(ledger apply.Ledger, versions []*apply.Applier, log *slog.Logger) *Applier {
	return &Applier{Ledger: ledger, versions: versions, log: log}
}

// GoOn goes on by itself where the control topic lost its history: nobody could decide about that in the topic itself, and
// what was decided before is in the database.
func (a *Applier) GoOn(ctx context.Context, assigned kafka.Assignment, checkpoint *readmodel.Checkpoint) (next int64, decided bool, err error) {
	a.log.WarnContext(ctx, "the control topic is not the one that it was; decisions that only it held are gone", "topic", assigned.Topic)
	history := readmodel.History{Topic: assigned.Topic, TopicID: assigned.TopicID, Partition: assigned.Number, First: assigned.First, End: assigned.End}
	return history.GoOn(checkpoint), true, nil
}

// Resume has nothing to remember.
func (a *Applier) Resume(context.Context) error { return nil }

// Apply carries out the decisions one by one, each in a transaction of its own: they are few, and one that fails must not
// hold those before it. A record that holds none is passed over with a warning; it stays in the topic.
func (a *Applier) Apply(ctx context.Context, expected int64, records []kafka.Record) (apply.Result, error) {
	result := apply.Result{Next: expected}
	for _, record := range records {
		if err := a.one(ctx, result.Next, record); err != nil {
			return result, fmt.Errorf("apply the decision at %s: %w", record.Position, postgres.Classify(err))
		}
		result.Applied++
		result.Next = record.Position.Offset + 1
	}
	return result, nil
}

func (a *Applier) one(ctx context.Context, expected int64, record kafka.Record) (err error) {
	partition := kafka.Partition{Topic: record.Position.Topic, Number: record.Position.Partition}
	d, parseErr := decision.Parse(record.Value)
	effect := ""
	err = pgx.BeginFunc(ctx, a.Pool, func(tx pgx.Tx) error {
		if err := a.Move(ctx, tx, partition, expected, record.Position.Offset+1); err != nil || parseErr != nil {
			return err
		}
		// Recorded first: a record of the decision's key that waits behind it may be discarded by an earlier one.
		if err := a.record(ctx, tx, record, d); err != nil {
			return err
		}
		crash.Here("control: decision recorded")
		if effect, err = a.carryOut(ctx, tx, d); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			UPDATE counterfoil.decisions SET effect = $4
			WHERE control_topic = $1 AND control_partition = $2 AND control_offset = $3`,
			record.Position.Topic, record.Position.Partition, record.Position.Offset, effect)
		return err
	})
	if err != nil {
		return err
	}
	crash.Here("control: committed")
	if parseErr != nil {
		a.log.WarnContext(ctx, "passed over a record of the control topic that decides nothing", "topic", record.Position.Topic,
			"partition", record.Position.Partition, "offset", record.Position.Offset, "error", parseErr)
		return nil
	}
	a.log.InfoContext(ctx, "decided", "decision", d.Verb, "read_model", d.ReadModel, "topic", d.Position.Topic,
		"partition", d.Position.Partition, "offset", d.Position.Offset, "by", d.By, "reason", d.Reason, "effect", effect)
	return nil
}

// record keeps the decision where it is found by what it is about.
func (a *Applier) record(ctx context.Context, tx pgx.Tx, record kafka.Record, d decision.Decision) error {
	var topicID *uuid.UUID // NULL where it is not about a topic
	if d.TopicID != uuid.Nil {
		topicID = &d.TopicID
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO counterfoil.decisions (control_topic, control_partition, control_offset, decision, read_model,
			topic, partition, "offset", topic_id, checkpoint, reason, decided_by, decided_at, effect)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '')
		ON CONFLICT DO NOTHING`,
		record.Position.Topic, record.Position.Partition, record.Position.Offset, d.Verb, d.ReadModel,
		d.Position.Topic, d.Position.Partition, d.Position.Offset, topicID, d.Checkpoint, d.Reason, d.By, record.Timestamp)
	if err != nil {
		return fmt.Errorf("record the decision: %w", err)
	}
	return nil
}

// carryOut lets every version of the read model act on the decision. A decision about lost history is acted on by the
// member that refuses the partition, which looks for it.
func (a *Applier) carryOut(ctx context.Context, tx pgx.Tx, d decision.Decision) (string, error) {
	if d.Verb == decision.AcceptLoss {
		return "accepted", nil
	}
	var effects []string
	for _, version := range a.versions {
		if version.ReadModel() != d.ReadModel {
			continue
		}
		effect, err := version.Decide(ctx, tx, d)
		if err != nil {
			return "", err
		}
		effects = append(effects, effect)
	}
	if len(effects) == 0 {
		return "there is no such read model", nil
	}
	return strings.Join(effects, "; "), nil
}
