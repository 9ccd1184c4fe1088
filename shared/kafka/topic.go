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
	admin, err := c.OpenAdmin()
	if err != nil {
		return nil, err
	}
	defer func() { _ = admin.Close() }()
	return admin.EnsureTopic(spec)
}

// EnsureTopic is Config.EnsureTopic on an open connection.
func (a *Admin) EnsureTopic(spec TopicSpec) (warnings []string, err error) {
	warnings, exists, err := a.CheckTopic(spec)
	if err != nil || exists {
		return warnings, err
	}
	if spec, err = a.fit(spec); err != nil {
		return nil, err
	}
	setting := func(s string) *string { return &s }
	err = a.cluster.CreateTopic(spec.Name, &sarama.TopicDetail{
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

// CheckTopic returns each setting of the topic that endangers the promises, as a sentence with its cure, and whether the
// topic exists. It changes nothing.
func (a *Admin) CheckTopic(spec TopicSpec) (warnings []string, exists bool, err error) {
	topic, err := a.describe(spec.Name)
	if err != nil || topic == nil {
		return nil, false, err
	}
	if spec, err = a.fit(spec); err != nil {
		return nil, true, err
	}
	warnings, err = checkTopic(a.cluster, topic, spec)
	return warnings, true, err
}

// fit fills in what depends on how many brokers there are.
func (a *Admin) fit(spec TopicSpec) (TopicSpec, error) {
	brokers, _, err := a.cluster.DescribeCluster()
	if err != nil {
		return spec, fmt.Errorf("describe the cluster: %w", err)
	}
	return spec.fit(len(brokers)), nil
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
