package kafka

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/IBM/sarama"
)

// TopicSpec says how a command topic is created. Zero means as many as there are brokers for: at most three replicas,
// two of which must be in sync.
type TopicSpec struct {
	Name        string
	Partitions  int32
	Replication int16
	MinInSync   int16
}

// EnsureTopic creates the command topic if it is missing: kept for ever, stamped by the broker. If it exists it returns
// each setting that endangers the promises, as a sentence with its cure.
func (c Config) EnsureTopic(spec TopicSpec) (warnings []string, err error) {
	admin, err := sarama.NewClusterAdmin(c.addresses(), c.base("admin"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = admin.Close() }()
	topics, err := admin.DescribeTopics([]string{spec.Name})
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", spec.Name, err)
	}
	brokers, _, err := admin.DescribeCluster()
	if err != nil {
		return nil, fmt.Errorf("describe the cluster: %w", err)
	}
	spec = spec.fit(len(brokers))
	if len(topics) == 1 && topics[0].Err == sarama.ErrNoError {
		return checkTopic(admin, topics[0], spec)
	}
	setting := func(s string) *string { return &s }
	err = admin.CreateTopic(spec.Name, &sarama.TopicDetail{
		NumPartitions:     spec.Partitions,
		ReplicationFactor: spec.Replication,
		ConfigEntries: map[string]*string{
			"cleanup.policy":         setting("delete"),
			"retention.ms":           setting("-1"),
			"retention.bytes":        setting("-1"),
			"message.timestamp.type": setting("LogAppendTime"),
			"min.insync.replicas":    setting(strconv.Itoa(int(spec.MinInSync))),
		},
	}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return nil, fmt.Errorf("create topic %s: %w", spec.Name, err)
	}
	return nil, nil
}

func (s TopicSpec) fit(brokers int) TopicSpec {
	if s.Replication == 0 {
		s.Replication = int16(min(3, max(1, brokers)))
	}
	if s.MinInSync == 0 {
		s.MinInSync = min(2, s.Replication)
	}
	return s
}

// checkTopic compares the topic as it is with what the promises need (G1, G7, G11).
func checkTopic(admin sarama.ClusterAdmin, topic *sarama.TopicMetadata, spec TopicSpec) ([]string, error) {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: spec.Name})
	if err != nil {
		return nil, fmt.Errorf("describe the settings of topic %s: %w", spec.Name, err)
	}
	settings := map[string]string{}
	for _, entry := range entries {
		settings[entry.Name] = entry.Value
	}
	var warnings []string
	warn := func(cure, format string, args ...any) {
		warnings = append(warnings, fmt.Sprintf("topic %s ", spec.Name)+fmt.Sprintf(format, args...)+"; set "+cure)
	}
	if v, ok := settings["retention.ms"]; ok && v != "-1" {
		warn("retention.ms=-1", "deletes records after %s ms, so a rebuild would miss them", v)
	}
	if v, ok := settings["retention.bytes"]; ok && v != "-1" {
		warn("retention.bytes=-1", "deletes records beyond %s bytes, so a rebuild would miss them", v)
	}
	if v, ok := settings["cleanup.policy"]; ok && v != "delete" {
		warn("cleanup.policy=delete with unlimited retention", "is cleaned by %q, so a rebuild would miss records", v)
	}
	if v, ok := settings["message.timestamp.type"]; ok && v != "LogAppendTime" {
		warn("message.timestamp.type=LogAppendTime", "keeps the producer's timestamps (%s), so created_at is not the broker's", v)
	}
	if v, ok := settings["unclean.leader.election.enable"]; ok && v == "true" {
		warn("unclean.leader.election.enable=false", "may lose acknowledged records in an unclean leader election")
	}
	if v, err := strconv.Atoi(settings["min.insync.replicas"]); err == nil && v < int(spec.MinInSync) {
		warn(fmt.Sprintf("min.insync.replicas=%d", spec.MinInSync), "acknowledges with %d replicas in sync, %d are asked for", v, spec.MinInSync)
	}
	for _, partition := range topic.Partitions {
		if len(partition.Replicas) < int(spec.Replication) {
			warn(fmt.Sprintf("a replication factor of %d by kafka-reassign-partitions", spec.Replication),
				"has %d replicas of partition %d, %d are asked for", len(partition.Replicas), partition.ID, spec.Replication)
			break
		}
	}
	return warnings, nil
}
