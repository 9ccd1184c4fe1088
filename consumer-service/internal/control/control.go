// Package control applies the records of the control topic: what people decided about parked records and lost history.
//
// It promises that a decision is carried out once, for every version of the read model that holds rows, in the
// transaction that records it and moves the checkpoint, or in several of bounded size of which the last one does; and that
// an empty database takes all decisions again (G7). Package delivery brings it the records, as it does for read models.
package control

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/shared/crash"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Name stands for a read model's where the control topic is spoken of. It cannot be the name of one.
const Name = "counterfoil.control"

// Versions returns the appliers of a model's versions that hold rows, whichever process keeps them current. A version that
// begins later takes the decision by itself: it applies no record before all decisions that the topic holds were carried out.
type Versions func(ctx context.Context, readModel string) ([]*apply.Applier, error)

// Applier applies decisions.
type Applier struct {
	apply.Ledger
	versions   Versions
	log        *slog.Logger
	passedOver prometheus.Counter
}

// New returns an applier of decisions about the versions, which has checkpoints of its own.
func New(ledger apply.Ledger, versions Versions, log *slog.Logger, registry prometheus.Registerer) *Applier {
	a := &Applier{Ledger: ledger, versions: versions, log: log, passedOver: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "counterfoil_decisions_passed_over_total", Help: "Records of the control topic that decide nothing or cannot be carried out.",
	})}
	registry.MustRegister(a.passedOver)
	return a
}

// GoOn goes on by itself where the control topic lost its history: nobody could decide about that in the topic itself, and
// what was decided before is in the database.
func (a *Applier) GoOn(ctx context.Context, assigned kafka.Assignment, checkpoint *readmodel.Checkpoint) (next int64, decided bool, err error) {
	a.log.WarnContext(ctx, "the control topic is not the one that it was; decisions that only it held are gone", "topic", assigned.Topic)
	history := readmodel.History{Topic: assigned.Topic, TopicID: assigned.TopicID, Partition: assigned.Number, First: assigned.First, End: assigned.End}
	next = history.GoOn(checkpoint)
	return next, true, a.setApart(ctx, assigned.Partition, next)
}

// setApart gives the decisions that the topic held from there on in its earlier life another place, since new ones will
// stand where they stood. They hold as before.
func (a *Applier) setApart(ctx context.Context, partition kafka.Partition, next int64) error {
	_, err := a.Pool.Exec(ctx, `
		UPDATE counterfoil.decisions SET control_topic = control_topic || ' until ' || now()
		WHERE control_topic = $1 AND control_partition = $2 AND control_offset >= $3`, partition.Topic, partition.Number, next)
	if err != nil {
		return postgres.Classify(fmt.Errorf("set earlier decisions apart: %w", err))
	}
	return nil
}

// Resume has nothing to remember.
func (a *Applier) Resume(context.Context) error { return nil }

// Apply carries out the decisions one by one: they are few, and one that fails must not hold those before it. A record
// that holds none, or one that PostgreSQL refuses, is passed over, counted and logged; it stays in the topic.
func (a *Applier) Apply(ctx context.Context, expected int64, records []kafka.Record) (apply.Result, error) {
	result := apply.Result{Next: expected}
	for _, record := range records {
		err := a.one(ctx, result.Next, record)
		if fault.Is(err, fault.Unappliable) {
			a.passedOver.Inc()
			a.log.ErrorContext(ctx, "passed over a record of the control topic that cannot be carried out", "topic", record.Position.Topic,
				"partition", record.Position.Partition, "offset", record.Position.Offset, "error", err)
			err = a.pass(ctx, result.Next, record)
		} else if err == nil {
			result.Applied++
		}
		if err != nil {
			return result, fmt.Errorf("apply the decision at %s: %w", record.Position, err)
		}
		result.Next = record.Position.Offset + 1
	}
	return result, nil
}

// one carries out one decision. Its errors are faults.
func (a *Applier) one(ctx context.Context, expected int64, record kafka.Record) error {
	d, err := decision.Parse(record.Value)
	if err != nil {
		return fault.New(fault.CodeUndecodable, "the record decides nothing", err)
	}
	versions, err := a.versions(ctx, d.ReadModel)
	if err != nil {
		return err
	}
	c := carrying{
		expected: expected, record: record, decision: d,
		versions: versions, effects: make([]string, len(versions)), released: make([]int, len(versions)),
	}
	for done := false; !done; {
		err := pgx.BeginFunc(ctx, a.Pool, func(tx pgx.Tx) (err error) {
			done, err = a.page(ctx, tx, &c)
			return err
		})
		if err != nil {
			return postgres.Classify(err)
		}
		crash.Here("control: committed")
	}
	a.log.InfoContext(ctx, "decided", "decision", d.Verb, "read_model", d.ReadModel, "topic", d.Position.Topic,
		"partition", d.Position.Partition, "offset", d.Position.Offset, "by", d.By, "reason", d.Reason, "effect", c.effect())
	return nil
}

// pass moves the checkpoint past a record, with no other effect.
func (a *Applier) pass(ctx context.Context, expected int64, record kafka.Record) error {
	return postgres.Classify(pgx.BeginFunc(ctx, a.Pool, func(tx pgx.Tx) error {
		return a.Move(ctx, tx, partitionOf(record), expected, record.Position.Offset+1)
	}))
}

func partitionOf(r kafka.Record) kafka.Partition {
	return kafka.Partition{Topic: r.Position.Topic, Number: r.Position.Partition}
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
