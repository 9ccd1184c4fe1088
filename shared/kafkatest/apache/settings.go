package apache

import (
	"fmt"
	"path/filepath"
	"strings"
)

// log4j sends the node's log to its output.
const log4j = `appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %m (%c)%n
rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
`

// settings are what differs from the defaults of Apache Kafka.
func (n *node) settings() []string {
	nodes := len(n.ports.broker)
	var voters []string
	for i, port := range n.ports.controller {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, port))
	}
	return []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", n.id()),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", n.addr(), n.ports.controller[n.index]),
		"advertised.listeners=PLAINTEXT://" + n.addr(),
		"controller.listener.names=CONTROLLER",
		"log.dirs=" + filepath.Join(n.dir, "data"),
		"auto.create.topics.enable=false",
		fmt.Sprintf("default.replication.factor=%d", nodes),
		fmt.Sprintf("min.insync.replicas=%d", min(nodes, 2)),
		fmt.Sprintf("offsets.topic.replication.factor=%d", nodes),
		fmt.Sprintf("transaction.state.log.replication.factor=%d", nodes),
		fmt.Sprintf("transaction.state.log.min.isr=%d", min(nodes, 2)),
		fmt.Sprintf("share.coordinator.state.topic.replication.factor=%d", nodes),
		fmt.Sprintf("share.coordinator.state.topic.min.isr=%d", min(nodes, 2)),
		// 50 partitions each are for clusters with thousands of groups.
		"offsets.topic.num.partitions=4",
		"transaction.state.log.num.partitions=4",
		"share.coordinator.state.topic.num.partitions=4",
		// No waiting for more members when a group starts: a test has the members it has.
		"group.initial.rebalance.delay.ms=0",
		// A killed node counts as dead sooner than after 9 seconds.
		"broker.session.timeout.ms=6000",
		"broker.heartbeat.interval.ms=1000",
		// The default would take a third of the heap.
		"log.cleaner.dedupe.buffer.size=8388608",
	}
}
