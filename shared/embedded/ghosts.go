package embedded

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ghosts are members of consumer groups that died while they joined. kfake begins
// to watch a member when it has its answer, so one whose connection is gone by
// then would keep its partitions for ever. Here it is shown out when it has been
// silent for its session timeout, as Kafka does.
type ghosts struct {
	cluster *kfake.Cluster
	client  *kgo.Client
	done    chan struct{}
	stop    context.CancelFunc

	mu     sync.Mutex
	groups map[string]*watchedGroup
}

type watchedGroup struct {
	session time.Duration // the longest of its members
	heard   map[string]time.Time
}

// lookForGhosts is how often.
const lookForGhosts = time.Second

// watchForGhosts begins to watch the groups of a cluster that listens at the address.
func watchForGhosts(cluster *kfake.Cluster, address string) (*ghosts, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RequestRetries(0),
		// The address that the broker gives may be another one.
		kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &ghosts{cluster: cluster, client: client, done: make(chan struct{}), stop: stop, groups: map[string]*watchedGroup{}}
	for _, kind := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat} {
		cluster.ControlKey(int16(kind), func(request kmsg.Request) (kmsg.Response, error, bool) {
			g.hear(request)
			return nil, nil, false
		})
	}
	go g.run(ctx)
	return g, nil
}

func (g *ghosts) hear(request kmsg.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch r := request.(type) {
	case *kmsg.JoinGroupRequest:
		watched := g.groups[r.Group]
		if watched == nil {
			watched = &watchedGroup{heard: map[string]time.Time{}}
			g.groups[r.Group] = watched
		}
		watched.session = max(watched.session, time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
		watched.heard[r.MemberID] = time.Now()
	case *kmsg.SyncGroupRequest:
		g.heardOf(r.Group, r.MemberID)
	case *kmsg.HeartbeatRequest:
		g.heardOf(r.Group, r.MemberID)
	}
}

func (g *ghosts) heardOf(group, member string) {
	if watched := g.groups[group]; watched != nil {
		watched.heard[member] = time.Now()
	}
}

func (g *ghosts) run(ctx context.Context) {
	defer close(g.done)
	defer g.client.Close()
	again := time.NewTicker(lookForGhosts)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		for _, group := range g.known() {
			// While members join or sync, kfake's own limits hold.
			if info := g.cluster.GroupInfo(group); info != nil && info.State == "Stable" {
				g.showOut(ctx, group, g.silent(info))
			}
		}
	}
}

func (g *ghosts) known() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for name := range g.groups {
		names = append(names, name)
	}
	return names
}

// silent returns the members that have not been heard of for longer than kfake
// lets any be that it watches. One that is seen for the first time is heard of now.
func (g *ghosts) silent(info *kfake.GroupInfo) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	watched := g.groups[info.Group]
	heard := make(map[string]time.Time, len(info.Members))
	var silent []string
	for _, member := range info.Members {
		at, known := watched.heard[member.MemberID]
		if !known {
			at = time.Now()
		}
		heard[member.MemberID] = at
		if time.Since(at) > watched.session+lookForGhosts {
			silent = append(silent, member.MemberID)
		}
	}
	watched.heard = heard // without those that left
	return silent
}

func (g *ghosts) showOut(ctx context.Context, group string, members []string) {
	for _, id := range members {
		request := kmsg.NewPtrLeaveGroupRequest()
		request.Group = group
		request.MemberID = id // up to version 2
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = id
		request.Members = append(request.Members, member)
		// Where it fails, the next look finds the member again.
		_, _ = request.RequestWith(ctx, g.client)
	}
}

func (g *ghosts) close() {
	g.stop()
	<-g.done
}
