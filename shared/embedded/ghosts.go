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
//
// Those who wait for an answer to their join or sync are silent too. Kafka lets none of them go; kfake would after a
// session timeout, and never answer. Here they are heard of as long as their connection is open.
type ghosts struct {
	cluster *kfake.Cluster
	open    *connections
	client  *kgo.Client
	done    chan struct{}
	stop    context.CancelFunc

	mu      sync.Mutex
	groups  map[string]*watchedGroup
	keeping string // the member in whose name a heartbeat is under way
}

type watchedGroup struct {
	session time.Duration // the longest of its members
	heard   map[string]heard
}

// heard is the last that was heard of a member.
type heard struct {
	at    time.Time
	waits bool // for an answer that comes when others have come
}

// lookForGhosts is how often.
const lookForGhosts = time.Second

// watchForGhosts begins to watch the groups of a cluster that listens at the address.
func watchForGhosts(cluster *kfake.Cluster, address string, open *connections) (*ghosts, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RequestRetries(0),
		// The address that the broker gives may be another one.
		kgo.Dialer(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &ghosts{cluster: cluster, open: open, client: client, done: make(chan struct{}), stop: stop, groups: map[string]*watchedGroup{}}
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
			watched = &watchedGroup{heard: map[string]heard{}}
			g.groups[r.Group] = watched
		}
		watched.session = max(watched.session, time.Duration(r.SessionTimeoutMillis)*time.Millisecond)
		watched.heard[r.MemberID] = heard{time.Now(), true}
	case *kmsg.SyncGroupRequest:
		g.heardOf(r.Group, r.MemberID, true)
	case *kmsg.HeartbeatRequest:
		if r.MemberID != g.keeping {
			g.heardOf(r.Group, r.MemberID, false)
		}
	}
}

func (g *ghosts) heardOf(group, member string, waits bool) {
	if watched := g.groups[group]; watched != nil {
		watched.heard[member] = heard{time.Now(), waits}
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
			if info := g.cluster.GroupInfo(group); info != nil {
				waiting, silent := g.sort(info)
				g.keep(ctx, info, waiting)
				g.showOut(ctx, group, silent)
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

// sort returns the members that wait for an answer while others join or sync, and those that are to be shown out: they
// have not been heard of for longer than kfake lets any be that it watches. One that is seen for the first time is heard
// of now.
func (g *ghosts) sort(info *kfake.GroupInfo) (waiting, silent []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	watched := g.groups[info.Group]
	last := make(map[string]heard, len(info.Members))
	for _, member := range info.Members {
		h, known := watched.heard[member.MemberID]
		if !known {
			h.at = time.Now()
		}
		settled := info.State == "Stable"
		switch {
		case !settled && h.waits && g.open.has(member.ClientHost):
			waiting = append(waiting, member.MemberID)
			h.at = time.Now()
		case !settled && !h.waits: // kfake watches it
		case time.Since(h.at) > watched.session+lookForGhosts:
			silent = append(silent, member.MemberID)
		}
		last[member.MemberID] = h
	}
	watched.heard = last // without those that left
	return waiting, silent
}

// keep tells kfake in the members' names that they are there.
func (g *ghosts) keep(ctx context.Context, info *kfake.GroupInfo, members []string) {
	for _, id := range members {
		g.keeps(id)
		request := kmsg.NewPtrHeartbeatRequest()
		request.Group, request.Generation, request.MemberID = info.Group, info.Epoch, id
		// Where it fails, the group has gone on.
		_, _ = request.RequestWith(ctx, g.client)
	}
	g.keeps("")
}

func (g *ghosts) keeps(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keeping = id
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
