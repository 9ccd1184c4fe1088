package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/google/uuid"
)

// Admin asks a cluster about itself. Apart from EnsureTopic it only reads.
type Admin struct {
	client  sarama.Client
	cluster sarama.ClusterAdmin
}

// OpenAdmin connects. The caller closes it.
func (c Config) OpenAdmin() (*Admin, error) {
	client, err := sarama.NewClient(c.addresses(), c.base("admin"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	cluster, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &Admin{client, cluster}, nil
}

// Close ends the connections.
func (a *Admin) Close() error { return a.cluster.Close() }

// Cluster is what a cluster says of itself.
type Cluster struct {
	Brokers []string        // host:port of every broker that is alive
	APIs    map[int16]int16 // the newest version of each request that the controller understands, by the request's key
}

// Cluster returns the brokers and what they understand.
func (a *Admin) Cluster() (Cluster, error) {
	brokers, _, err := a.cluster.DescribeCluster()
	if err != nil {
		return Cluster{}, fmt.Errorf("describe the cluster: %w", err)
	}
	cluster := Cluster{APIs: map[int16]int16{}}
	for _, broker := range brokers {
		cluster.Brokers = append(cluster.Brokers, broker.Addr())
	}
	controller, err := a.client.Controller()
	if err != nil {
		return Cluster{}, fmt.Errorf("find the controller: %w", err)
	}
	versions, err := controller.ApiVersions(&sarama.ApiVersionsRequest{})
	if err != nil {
		return Cluster{}, fmt.Errorf("ask for the versions of the protocol: %w", err)
	}
	for _, api := range versions.ApiKeys {
		cluster.APIs[api.ApiKey] = api.MaxVersion
	}
	return cluster, nil
}

// Topic is a topic as it is now.
type Topic struct {
	Name       string
	ID         uuid.UUID // the identity that it got when it was created, uuid.Nil where the broker is too old to say
	Partitions []Range   // by number
}

// Range is which offsets a partition holds.
type Range struct {
	Number int32
	First  int64 // the first offset that the topic still holds
	End    int64 // the offset of the next record to be written
}

// Topic returns a topic with the range of each partition, and false where there is no such topic.
func (a *Admin) Topic(name string) (Topic, bool, error) {
	described, err := a.describe(name)
	if err != nil || described == nil {
		return Topic{}, false, err
	}
	topic := Topic{Name: name, Partitions: make([]Range, len(described.Partitions))}
	if topic.ID, err = topicID(a.client, name); err != nil {
		return Topic{}, false, fmt.Errorf("ask for the identity of topic %s: %w", name, err)
	}
	for i := range topic.Partitions {
		r := &topic.Partitions[i]
		r.Number = int32(i)
		if r.First, r.End, err = offsets(a.client, name, r.Number); err != nil {
			return Topic{}, false, fmt.Errorf("ask for the offsets of %s/%d: %w", name, i, err)
		}
	}
	return topic, true, nil
}

// describe returns what the cluster knows of a topic, or nil where there is no such topic.
func (a *Admin) describe(name string) (*sarama.TopicMetadata, error) {
	topics, err := a.cluster.DescribeTopics([]string{name})
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", name, err)
	}
	if len(topics) != 1 || topics[0].Err == sarama.ErrUnknownTopicOrPartition {
		return nil, nil
	}
	if topics[0].Err != sarama.ErrNoError {
		return nil, fmt.Errorf("describe topic %s: %w", name, topics[0].Err)
	}
	return topics[0], nil
}

// offsets returns the first offset that a partition holds and the offset of the next record to be written to it.
func offsets(client sarama.Client, topic string, partition int32) (first, end int64, err error) {
	if first, err = client.GetOffset(topic, partition, sarama.OffsetOldest); err != nil {
		return 0, 0, err
	}
	end, err = client.GetOffset(topic, partition, sarama.OffsetNewest)
	return first, end, err
}

// topicID asks for the identity that the broker gave the topic when it was created (KIP-516).
func topicID(client sarama.Client, topic string) (uuid.UUID, error) {
	broker, err := client.Controller()
	if err != nil {
		return uuid.Nil, err
	}
	response, err := broker.GetMetadata(&sarama.MetadataRequest{Version: 10, Topics: []string{topic}})
	if err != nil {
		return uuid.Nil, err
	}
	if len(response.Topics) != 1 {
		return uuid.Nil, nil
	}
	if err := response.Topics[0].Err; err != sarama.ErrNoError {
		return uuid.Nil, err // a broker that does not know the topic yet says nothing of its identity
	}
	return uuid.UUID(response.Topics[0].Uuid), nil
}

// Bytes returns how many bytes the topic takes on one replica's disk, or 0 where the brokers do not tell.
func (a *Admin) Bytes(topic string) (int64, error) {
	brokers, _, err := a.cluster.DescribeCluster()
	if err != nil {
		return 0, fmt.Errorf("describe the cluster: %w", err)
	}
	ids := make([]int32, len(brokers))
	for i, broker := range brokers {
		ids[i] = broker.ID()
	}
	all, err := a.cluster.DescribeLogDirs(ids)
	if err != nil {
		return 0, nil // older than Kafka 1.0, or not allowed: it is only a hint
	}
	largest := map[int32]int64{} // by partition: replicas may be cleaned at different times
	for _, dirs := range all {
		for _, dir := range dirs {
			for _, t := range dir.Topics {
				for _, p := range t.Partitions {
					if t.Topic == topic {
						largest[p.PartitionID] = max(largest[p.PartitionID], p.Size)
					}
				}
			}
		}
	}
	var sum int64
	for _, size := range largest {
		sum += size
	}
	return sum, nil
}
