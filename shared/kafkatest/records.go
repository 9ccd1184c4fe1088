package kafkatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Produce writes records. See [Produce].
func (a *Access) Produce(topic string, records ...Record) []int64 {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	client := a.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()))
	defer client.Close()
	var sent []*kgo.Record
	for _, record := range records {
		headers := make([]kgo.RecordHeader, len(record.Headers))
		for i, header := range record.Headers {
			headers[i] = kgo.RecordHeader{Key: header.Name, Value: header.Value}
		}
		sent = append(sent, &kgo.Record{Topic: topic, Partition: record.Partition, Timestamp: record.Timestamp,
			Key: record.Key, Value: record.Value, Headers: headers})
	}
	if err := client.ProduceSync(ctx, sent...).FirstErr(); err != nil {
		a.t.Fatalf("kafkatest: produce to %s: %v", topic, err)
	}
	offsets := make([]int64, len(sent))
	for i, record := range sent {
		offsets[i] = record.Offset
	}
	return offsets
}

// Records reads records. See [Records].
func (a *Access) Records(topic string, want int) []Record {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	client := a.client(kgo.KeepControlRecords())
	defer client.Close()
	var records []Record
	next := map[int32]int64{}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		ends, err := endOffsets(ctx, client, topic)
		if err != nil {
			a.t.Fatalf("kafkatest: read end of %s: %v", topic, err)
		}
		read, err := readUntil(ctx, client, topic, next, ends)
		records = append(records, read...)
		if err != nil {
			a.t.Fatalf("kafkatest: read %s: %v; got %d records, want %d", topic, err, len(records), want)
		}
		if len(records) >= want {
			break
		}
		select {
		case <-ctx.Done():
			a.t.Fatalf("kafkatest: topic %s holds %d records, want %d", topic, len(records), want)
		case <-again.C:
		}
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}

// readUntil returns the records between next, which it moves on, and ends.
func readUntil(ctx context.Context, client *kgo.Client, topic string, next, ends map[int32]int64) ([]Record, error) {
	var records []Record
	missing := func() bool {
		for partition, end := range ends {
			if next[partition] < end {
				return true
			}
		}
		return false
	}
	start := map[int32]kgo.Offset{}
	for partition := range ends {
		if _, ok := next[partition]; !ok {
			next[partition] = 0
			start[partition] = kgo.NewOffset().At(0)
		}
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: start})
	for missing() {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return records, err
		}
		var errs []error
		fetches.EachError(func(_ string, _ int32, err error) { errs = append(errs, err) })
		if len(errs) > 0 {
			return records, errors.Join(errs...)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			next[record.Partition] = record.Offset + 1
			if record.Attrs.IsControl() {
				return // a transaction's end moves the offset and is no record
			}
			records = append(records, received(record))
		})
	}
	return records, nil
}

func received(record *kgo.Record) Record {
	var headers []Header
	for _, header := range record.Headers {
		headers = append(headers, Header{header.Key, header.Value})
	}
	return Record{Partition: record.Partition, Offset: record.Offset, Timestamp: record.Timestamp,
		Key: record.Key, Value: record.Value, Headers: headers}
}

// endOffsets returns the offset after the last record of each partition.
func endOffsets(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	requestTopic := kmsg.NewMetadataRequestTopic()
	requestTopic.Topic = &topic
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.Topics = append(metadata.Topics, requestTopic)
	known, err := metadata.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	if len(known.Topics) != 1 {
		return nil, fmt.Errorf("the broker answered for %d topics", len(known.Topics))
	}
	if err := kerr.ErrorForCode(known.Topics[0].ErrorCode); err != nil {
		return nil, err
	}
	list := kmsg.NewListOffsetsRequestTopic()
	list.Topic = topic
	for _, partition := range known.Topics[0].Partitions {
		asked := kmsg.NewListOffsetsRequestTopicPartition()
		asked.Partition, asked.Timestamp = partition.Partition, -1 // the latest
		list.Partitions = append(list.Partitions, asked)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = append(request.Topics, list)
	ends := map[int32]int64{}
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, answered := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, partition := range answered.Partitions {
				if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
					return nil, err
				}
				ends[partition.Partition] = partition.Offset
			}
		}
	}
	return ends, nil
}
