package apache

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// awaitReady waits until the node answers that it knows itself and at least as
// many brokers as are wanted.
func (n *node) awaitReady(ctx context.Context, wanted int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(n.addr()), kgo.RequestRetries(0), kgo.DialTimeout(time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		known, err := n.knownBrokers(ctx, client)
		if err == nil && known >= wanted {
			return nil
		}
		select {
		case <-n.process.Done():
			return fmt.Errorf("node %d ended: %v\n%s", n.index, n.process.Err(), n.logTail())
		case <-ctx.Done():
			return fmt.Errorf("wait for node %d: %w: it knows %d brokers (%v)\n%s", n.index, ctx.Err(), known, err, n.logTail())
		case <-again.C:
		}
	}
}

// knownBrokers asks the node which brokers are alive; none if it is not among them.
func (n *node) knownBrokers(ctx context.Context, client *kgo.Client) (int, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none, where nil is all
	response, err := client.SeedBrokers()[0].Request(ctx, request)
	if err != nil {
		return 0, err
	}
	metadata := response.(*kmsg.MetadataResponse)
	for _, broker := range metadata.Brokers {
		if int(broker.NodeID) == n.id() {
			return len(metadata.Brokers), nil
		}
	}
	return 0, nil
}
