package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
)

// newKafka returns a client that goes to a broker of the rig's own itself and not by way of the proxy.
func (r *Rig) newKafka(options ...kgo.Opt) (*kgo.Client, error) {
	if r.Broker == nil {
		return kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(r.brokers, ",")...))...)
	}
	address := r.Broker.address()
	return kgo.NewClient(append(options, kgo.SeedBrokers(address), kgo.RequestRetries(3),
		kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}))...)
}

// ends returns the offset behind the last record of each partition of the topic.
func (r *Rig) ends(ctx context.Context) (map[int32]int64, error) {
	client, err := r.newKafka()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, r.Topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("read the ends of %s: %w", r.Topic, err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

// records returns all that the topic holds.
func (r *Rig) records(ctx context.Context) ([]check.Record, error) {
	ends, err := r.ends(ctx)
	if err != nil {
		return nil, err
	}
	begin, missing := map[int32]kgo.Offset{}, 0
	for partition, end := range ends {
		if end > 0 {
			begin[partition] = kgo.NewOffset().At(0)
			missing++
		}
	}
	if missing == 0 {
		return nil, nil
	}
	client, err := r.newKafka(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: begin}))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var records []check.Record
	for missing > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil, fmt.Errorf("read %s: %w", r.Topic, ctx.Err())
		}
		for _, failed := range fetches.Errors() {
			return nil, fmt.Errorf("read %s/%d: %w", failed.Topic, failed.Partition, failed.Err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			records = append(records, decoded(record))
			if record.Offset+1 == ends[record.Partition] {
				missing--
			}
		})
	}
	return records, nil
}

// decoded reads a record as anybody could who knows the published form.
func decoded(record *kgo.Record) check.Record {
	r := check.Record{Partition: record.Partition, Offset: record.Offset, Timestamp: record.Timestamp, ID: string(record.Key)}
	var value struct {
		ID string    `json:"command_id"`
		At time.Time `json:"event_timestamp"`
	}
	switch err := json.Unmarshal(record.Value, &value); {
	case err != nil:
		r.Problem = err.Error()
	case value.ID != r.ID:
		r.Problem = fmt.Sprintf("its key is %s, its command is %s", r.ID, value.ID)
	}
	r.Payload = value.At
	return r
}

// rows returns all that the table holds.
func (r *Rig) rows(ctx context.Context) ([]check.Row, error) {
	rows, err := r.pool.Query(ctx, `SELECT id::text, event_timestamp, created_at FROM timestamp_v1.timestamp_records`)
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r check.Row, err error) {
		return r, row.Scan(&r.ID, &r.Payload, &r.CreatedAt)
	})
}

// set returns the ids of the commands that were set aside.
func (r *Rig) set(ctx context.Context) ([]string, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT convert_from(key, 'UTF8') || ' ' || state || ' ' || reason FROM counterfoil.parked WHERE topic = $1`, r.Topic)
	if err != nil {
		return nil, fmt.Errorf("read what was set aside: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// checkpoints returns how far the serving version applied each partition of the topic.
func (r *Rig) checkpoints(ctx context.Context) (map[int32]int64, error) {
	rows, err := r.pool.Query(ctx, `
		SELECT c.partition, c.next_offset FROM counterfoil.checkpoints c JOIN counterfoil.read_models m USING (group_id)
		WHERE c.topic = $1 AND m.state = 'serving'`, r.Topic)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoints: %w", err)
	}
	checkpoints := map[int32]int64{}
	var partition int32
	var next int64
	_, err = pgx.ForEachRow(rows, []any{&partition, &next}, func() error {
		checkpoints[partition] = next
		return nil
	})
	return checkpoints, err
}

// settled returns an error unless every record was applied.
func (r *Rig) settled(ctx context.Context) error {
	ends, err := r.ends(ctx)
	if err != nil {
		return err
	}
	checkpoints, err := r.checkpoints(ctx)
	if err != nil {
		return err
	}
	for partition, end := range ends {
		if checkpoints[partition] != end {
			return fmt.Errorf("partition %d was applied up to %d of %d", partition, checkpoints[partition], end)
		}
	}
	return nil
}
