package embedded_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// join returns a request to join the group, as a client that does not know its id yet, and its member's name.
func joinRequest(id string) *kmsg.JoinGroupRequest {
	request := kmsg.NewPtrJoinGroupRequest()
	request.Group, request.MemberID, request.ProtocolType = "g", id, "consumer"
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = 6000, 60_000
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name = "p"
	request.Protocols = append(request.Protocols, protocol)
	return request
}

// A member is killed while the broker holds its join back for another one. It must not stay in the group for ever.
func TestBroker_AMemberThatDiesWhileItJoinsIsShownOut(t *testing.T) {
	t.Parallel()
	broker := startBroker(t, embedded.BrokerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	living := newClient(t, broker.Addr(), kgo.RequestRetries(0))
	first := joined(ctx, t, living, joinRequest(""))
	synced(ctx, t, living, first)

	connections := make(chan net.Conn, 10)
	dying := newClient(t, broker.Addr(), kgo.RequestRetries(0), kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			connections <- conn
		}
		return conn, err
	}))
	request := joinRequest("")
	if answer, err := request.RequestWith(ctx, dying); err == nil && answer.ErrorCode != 0 {
		request.MemberID = answer.MemberID // KIP-394
	}
	go func() { _, _ = request.RequestWith(ctx, dying) }()
	until(ctx, t, func() bool { return len(broker.Cluster().GroupInfo("g").Members) == 2 })
	for len(connections) > 0 {
		_ = (<-connections).Close()
	}

	// The broker notices the end of the connections within moments; a rebalance goes on for as long as the living wants.
	for range 20 {
		until(ctx, t, func() bool { return beats(ctx, living, first) })
	}

	again := joined(ctx, t, living, joinRequest(first.MemberID))
	synced(ctx, t, living, again)
	until(ctx, t, func() bool {
		beats(ctx, living, again)
		info := broker.Cluster().GroupInfo("g")
		return len(info.Members) == 1 && info.Members[0].MemberID == first.MemberID
	})
}

// A member waits for the answer to its join for longer than its session, because another one comes late. It is answered.
func TestBroker_AMemberThatWaitsPastItsSessionIsAnswered(t *testing.T) {
	t.Parallel()
	broker := startBroker(t, embedded.BrokerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := func() *kgo.Client { return newClient(t, broker.Addr(), kgo.RequestRetries(0)) }
	join := func(c *kgo.Client, id string, answers chan<- *kmsg.JoinGroupResponse) {
		answer, err := joinRequest(id).RequestWith(ctx, c)
		if err == nil && answer.ErrorCode != 0 { // KIP-394
			answer, err = joinRequest(answer.MemberID).RequestWith(ctx, c)
		}
		if err != nil {
			t.Error(err)
			answer = nil
		}
		answers <- answer
	}
	late, punctual := client(), client()
	first := joined(ctx, t, late, joinRequest(""))
	synced(ctx, t, late, first)
	answers := make(chan *kmsg.JoinGroupResponse, 2)
	go join(punctual, "", answers)
	until(ctx, t, func() bool { return len(broker.Cluster().GroupInfo("g").Members) == 2 })
	again := joined(ctx, t, late, joinRequest(first.MemberID))
	second := <-answers
	if second == nil {
		t.FailNow()
	}
	go func() { _, _ = syncRequest(again).RequestWith(ctx, late) }() // whichever of them leads is waited for by the other
	synced(ctx, t, punctual, second)

	// A third one comes, the second joins again, and the first beats on for longer than a session before it does.
	go join(client(), "", answers)
	until(ctx, t, func() bool { return len(broker.Cluster().GroupInfo("g").Members) == 3 })
	go join(punctual, second.MemberID, answers)
	for range 40 {
		until(ctx, t, func() bool { return beats(ctx, late, again) })
		<-time.After(200 * time.Millisecond)
	}
	joined(ctx, t, late, joinRequest(first.MemberID))
	for range 2 {
		if answer := <-answers; answer == nil || answer.ErrorCode != 0 {
			t.Errorf("a member that waited is answered %+v", answer)
		}
	}
}

func joined(ctx context.Context, t *testing.T, client *kgo.Client, request *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	t.Helper()
	for range 2 {
		answer, err := request.RequestWith(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if answer.ErrorCode == 0 {
			return answer
		}
		request.MemberID = answer.MemberID
	}
	t.Fatal("the member is not let in")
	return nil
}

func synced(ctx context.Context, t *testing.T, client *kgo.Client, member *kmsg.JoinGroupResponse) {
	t.Helper()
	if answer, err := syncRequest(member).RequestWith(ctx, client); err != nil || answer.ErrorCode != 0 {
		t.Fatalf("sync: %+v, %v", answer, err)
	}
}

func syncRequest(member *kmsg.JoinGroupResponse) *kmsg.SyncGroupRequest {
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.MemberID, sync.Generation = "g", member.MemberID, member.Generation
	return sync
}

func beats(ctx context.Context, client *kgo.Client, member *kmsg.JoinGroupResponse) bool {
	beat := kmsg.NewPtrHeartbeatRequest()
	beat.Group, beat.MemberID, beat.Generation = "g", member.MemberID, member.Generation
	_, err := beat.RequestWith(ctx, client)
	return err == nil
}

func until(ctx context.Context, t *testing.T, condition func() bool) {
	t.Helper()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal("waited in vain")
		case <-time.After(20 * time.Millisecond):
		}
	}
}
