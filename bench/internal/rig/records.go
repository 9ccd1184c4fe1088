package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/shared/command"
)

// Filling says which commands a topic is filled with.
type Filling struct {
	Records  int64
	Random   bool // ids that do not grow with time (version 4 instead of 7)
	Envelope bool // values as Kafka Connect wants them, with a schema in each, and fields named as the table's columns
	Padding  int  // bytes of a further field, which the read model does not take
}

// Commands returns the usual filling.
func Commands(records int64) Filling { return Filling{Records: records} }

// Fill writes commands to a topic, as the command-service does: key, value and header.
func (r *Rig) Fill(ctx context.Context, topic string, f Filling) error {
	broker, err := r.Broker(ctx)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DefaultProduceTopic(topic), kgo.MaxBufferedRecords(50_000),
		kgo.ProducerBatchMaxBytes(512<<10), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	correlation := []kgo.RecordHeader{{Key: command.CorrelationHeader, Value: []byte(uuid.NewString())}}
	padding := strings.Repeat("x", f.Padding)
	for range f.Records {
		record, err := f.record(padding)
		if err != nil {
			return err
		}
		record.Headers = correlation
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("fill %s: %w", topic, context.Cause(ctx))
	}
	return nil
}

func (f Filling) record(padding string) (*kgo.Record, error) {
	id, err := command.NewID()
	if f.Random {
		id, err = uuid.NewRandom()
	}
	if err != nil {
		return nil, err
	}
	c := command.Timestamp{ID: id, At: time.Now().UTC().Truncate(time.Microsecond)}
	value := c.Value()
	if f.Envelope {
		at := command.FormatTimestamp(c.At)
		value = fmt.Appendf(nil, envelope, c.ID, at, at)
	}
	if padding != "" {
		value = append(value[:len(value)-1], `,"padding":"`+padding+`"}`...)
	}
	return &kgo.Record{Key: c.Key(), Value: value}, nil
}

// envelope is a value with the schema that Kafka Connect's JsonConverter reads.
const envelope = `{"schema":{"type":"struct","fields":[` +
	`{"type":"string","name":"io.debezium.data.Uuid","field":"id"},` +
	`{"type":"string","name":"io.debezium.time.ZonedTimestamp","field":"event_timestamp"},` +
	`{"type":"string","name":"io.debezium.time.ZonedTimestamp","field":"created_at"}]},` +
	`"payload":{"id":"%s","event_timestamp":"%s","created_at":"%s"}}`

// A Partition holds the rows that the records of one partition become.
type Partition [][]any

// Rows reads a topic from its beginning to where it ends now.
func (r *Rig) Rows(ctx context.Context, topic string) ([]Partition, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	partitions := make([]Partition, len(ends[topic]))
	left := int64(0)
	ends.Each(func(end kadm.ListedOffset) { left += end.Offset })
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for record := range fetches.RecordsAll() {
			row, err := rowOf(record)
			if err != nil {
				return nil, err
			}
			partitions[record.Partition] = append(partitions[record.Partition], row)
			left--
		}
	}
	return partitions, nil
}

func rowOf(record *kgo.Record) ([]any, error) {
	var value struct {
		ID uuid.UUID `json:"command_id"`
		At time.Time `json:"event_timestamp"`
	}
	if err := json.Unmarshal(record.Value, &value); err != nil {
		return nil, err
	}
	return []any{[16]byte(value.ID), value.At, record.Timestamp}, nil
}

// Copy copies the rows into the table by a connection of its own, in one transaction.
func (p Partition) Copy(ctx context.Context, url string, into pgx.Identifier) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.CopyFrom(ctx, into, []string{"id", "event_timestamp", "created_at"}, pgx.CopyFromRows(p))
	return err
}

// End returns how many records the topic has.
func (r *Rig) End(ctx context.Context, topic string) (int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(r.broker))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	ends.Each(func(end kadm.ListedOffset) { total += end.Offset })
	return total, ends.Error()
}
