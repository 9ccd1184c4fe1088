package doctor

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/counterfoil/counterfoil/shared/kafka"
)

// kafka checks that there are brokers and that the command topic keeps what it is given.
func (e *examination) kafka() {
	const brokers, topic = "broker", "command topic"
	admin, at, err := e.finder.OpenBroker(e.Broker)
	if err != nil {
		e.fail(brokers, err.Error(), "start the broker, or name the right one by --broker or KAFKA_BROKER as host:port")
		e.skip(topic, "the broker cannot be reached")
		return
	}
	e.admin = admin
	cluster, err := admin.Cluster()
	switch {
	case err != nil:
		e.fail(brokers, fmt.Sprintf("%s: %v", at.Value, err), "look at the broker's log")
	case len(cluster.Brokers) < 3:
		e.warn(brokers, fmt.Sprintf("%s, %s at %s", plural(len(cluster.Brokers), "broker"), version(cluster), strings.Join(cluster.Brokers, ", ")),
			"this is enough for evaluation and tests; where commands must survive the loss of a disk, run three brokers or more")
	default:
		e.ok(brokers, "%s, %s at %s", plural(len(cluster.Brokers), "broker"), version(cluster), strings.Join(cluster.Brokers, ", "))
	}
	e.checkTopic(topic, e.topic())
}

func (e *examination) checkTopic(check, topic string) {
	warnings, exists, err := e.admin.CheckTopic(kafka.TopicSpec{Name: topic})
	switch {
	case err != nil:
		e.fail(check, err.Error(), "look at the broker's log, and at what its ACLs allow this user")
	case !exists:
		e.fail(check, fmt.Sprintf("topic %s does not exist", topic),
			"start the command-service, which creates it with safe settings; if it publishes elsewhere, name the topic by --topic or KAFKA_PUBLISH_TOPIC")
	case len(warnings) > 0:
		var problems, cures []string
		for _, warning := range warnings {
			problem, cure, _ := strings.Cut(warning, "; ")
			problems, cures = append(problems, problem), append(cures, cure)
		}
		e.fail(check, strings.Join(problems, "; "), cures...)
	default:
		e.ok(check, "topic %s keeps every record, stamped by the broker", topic)
	}
}

// version guesses the release of the brokers from what they understand; Kafka does not tell it.
func version(cluster kafka.Cluster) string {
	var versions kversion.Versions
	for key, newest := range cluster.APIs {
		versions.SetMaxKeyVersion(key, newest)
	}
	release, known := strings.CutPrefix(strings.TrimPrefix(versions.VersionGuess(), "at least "), "v")
	if !known {
		return "not Apache Kafka but of its protocol"
	}
	return "Kafka " + release
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
