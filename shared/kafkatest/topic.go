package kafkatest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic makes a topic. See [Topic].
func (a *Access) Topic(partitions int32) string {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), patience)
	defer cancel()
	client := a.client()
	defer client.Close()
	name := topicName(a.t.Name())
	if err := createTopic(ctx, client, name, partitions); err != nil {
		a.t.Fatalf("kafkatest: create topic %s: %v", name, err)
	}
	a.t.Cleanup(func() { a.deleteTopic(name) })
	if err := awaitTopic(ctx, client, name, partitions); err != nil {
		a.t.Fatalf("kafkatest: wait for topic %s: %v", name, err)
	}
	return name
}

func createTopic(ctx context.Context, client *kgo.Client, name string, partitions int32) error {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic = name
	topic.NumPartitions = partitions
	topic.ReplicationFactor = -1 // as many as the cluster has by default
	for key, value := range map[string]string{"retention.ms": "-1", "message.timestamp.type": "LogAppendTime"} {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	request.TimeoutMillis = int32(patience.Milliseconds())
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if len(response.Topics) != 1 {
		return fmt.Errorf("the broker answered for %d topics", len(response.Topics))
	}
	return kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

// awaitTopic waits until every broker knows a leader for each partition: a topic
// exists for the controller before it exists for a client of another broker.
func awaitTopic(ctx context.Context, client *kgo.Client, name string, partitions int32) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		known, err := knownToAll(ctx, client, name, partitions)
		if known || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

func knownToAll(ctx context.Context, client *kgo.Client, name string, partitions int32) (bool, error) {
	requestTopic := kmsg.NewMetadataRequestTopic()
	requestTopic.Topic = &name
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, requestTopic)
	first, err := request.RequestWith(ctx, client)
	if err != nil {
		return false, err
	}
	for _, broker := range first.Brokers {
		response, err := client.Broker(int(broker.NodeID)).RetriableRequest(ctx, request)
		if err != nil {
			return false, err
		}
		topics := response.(*kmsg.MetadataResponse).Topics
		if len(topics) != 1 || topics[0].ErrorCode != 0 || len(topics[0].Partitions) != int(partitions) {
			return false, nil
		}
		for _, partition := range topics[0].Partitions {
			if partition.ErrorCode != 0 || partition.Leader < 0 {
				return false, nil
			}
		}
	}
	return true, nil
}

// deleteTopic keeps a long-lived cluster clean. A broker that the test has closed
// has nothing to clean.
func (a *Access) deleteTopic(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	client := a.client(kgo.RequestRetries(1))
	defer client.Close()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.Topics = append(request.Topics, topic)
	request.TopicNames = append(request.TopicNames, name)
	if _, err := request.RequestWith(ctx, client); err != nil {
		a.t.Logf("kafkatest: delete topic %s: %v", name, err)
	}
}

func (a *Access) client(opts ...kgo.Opt) *kgo.Client {
	a.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(a.addrs...))...)
	if err != nil {
		a.t.Fatalf("kafkatest: %v", err)
	}
	return client
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9-]+`)

// topicName returns a unique name that tells whose test it was.
func topicName(test string) string {
	var random [5]byte
	rand.Read(random[:])
	test = strings.Trim(notInNames.ReplaceAllString(test, "-"), "-")
	return fmt.Sprintf("%.150s.%s", test, hex.EncodeToString(random[:]))
}
