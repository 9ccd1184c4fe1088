package kafka

import (
	"errors"

	"github.com/IBM/sarama"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// Classify turns an error of sarama into a fault; nil stays nil and a fault stays itself. It is the one place that
// decides what Kafka's errors mean for everything but an acknowledgement, which Producer.Send judges:
//
//	error                                           | meaning
//	authorization, authentication, unknown version  | Misconfigured: a person must act
//	invalid settings of the client                  | Misconfigured
//	everything else: connections, elections, time   | Away
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	for _, ours := range []error{
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrSASLAuthenticationFailed, sarama.ErrUnsupportedVersion, sarama.ErrInvalidGroupId,
	} {
		if errors.Is(err, ours) {
			return fault.New(fault.CodeMisconfigured, "Kafka refuses what this service asks for.", err)
		}
	}
	if _, ok := errors.AsType[sarama.ConfigurationError](err); ok {
		return fault.New(fault.CodeMisconfigured, "The settings of the Kafka client are wrong.", err)
	}
	return fault.New(fault.CodeBrokerAway, "Kafka cannot be reached.", err)
}
