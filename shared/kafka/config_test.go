package kafka_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

func TestConfig_NamesEveryBrokerThatIsNone(t *testing.T) {
	t.Parallel()
	if err := (kafka.Config{Brokers: []string{"localhost:9092", " other:9093 ", "[::1]:9094"}}).Validate(); err != nil {
		t.Error(err)
	}
	err := kafka.Config{Brokers: []string{"localhost", "", "a:", "ok:1", "http://a:1/"}}.Validate()
	if err == nil || strings.Count(err.Error(), "KAFKA_BROKER") != 4 || strings.Contains(err.Error(), `"ok:1"`) {
		t.Errorf("got %v", err)
	}
	if err := (kafka.Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "KAFKA_BROKER is empty") {
		t.Errorf("got %v", err)
	}
}

func TestValidTopic(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"t", "timestamp.command.v1", "A_b-C.9", strings.Repeat("t", 249)} {
		if err := kafka.ValidTopic("X", topic); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"", ".", "..", "a b", "a/b", "ä", "a\x00", strings.Repeat("t", 250)} {
		if err := kafka.ValidTopic("X_TOPIC", topic); err == nil || !strings.Contains(err.Error(), "X_TOPIC") {
			t.Errorf("%.20q: %v", topic, err)
		}
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		code fault.Code
	}{
		{sarama.ErrTopicAuthorizationFailed, fault.CodeMisconfigured},
		{sarama.ErrGroupAuthorizationFailed, fault.CodeMisconfigured},
		{sarama.ErrClusterAuthorizationFailed, fault.CodeMisconfigured},
		{sarama.ErrSASLAuthenticationFailed, fault.CodeMisconfigured},
		{sarama.ErrUnsupportedVersion, fault.CodeMisconfigured},
		{sarama.ErrInvalidGroupId, fault.CodeMisconfigured},
		{sarama.ConfigurationError("wrong"), fault.CodeMisconfigured},
		{sarama.ErrOutOfBrokers, fault.CodeBrokerAway},
		{sarama.ErrLeaderNotAvailable, fault.CodeBrokerAway},
		{sarama.ErrUnknownTopicOrPartition, fault.CodeBrokerAway},
		{io.EOF, fault.CodeBrokerAway},
		{errors.New("whatever"), fault.CodeBrokerAway},
		{fault.New(fault.CodeLostHistory, "Lost.", io.EOF), fault.CodeLostHistory},
	} {
		got := kafka.Classify(fmt.Errorf("connect: %w", test.err))
		requireCode(t, got, test.code)
		if !errors.Is(got, test.err) {
			t.Errorf("%v lost its cause %v", got, test.err)
		}
	}
	if kafka.Classify(nil) != nil {
		t.Error("nil is a fault")
	}
}
