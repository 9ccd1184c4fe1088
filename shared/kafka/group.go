package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

// GroupConfig says which group consumes which topics.
type GroupConfig struct {
	Config
	GroupID        string
	Topics         []string
	SessionTimeout time.Duration // after which the broker gives a silent member's partitions to others
}

// Partition names a partition of a topic.
type Partition struct {
	Topic  string
	Number int32
}

// Assignment is a partition that this member may read, with what the broker says of it at the start of a session.
type Assignment struct {
	Partition
	TopicID uuid.UUID // the topic's identity, uuid.Nil where the broker is too old to say
	First   int64     // the first offset that the topic still holds
	End     int64     // the offset of the next record to be written
}

// Handler consumes the partitions of a group.
type Handler interface {
	// Assigned is called at the start of a session and returns the offset at which each partition begins. It may take
	// as long as ctx lasts. An error ends the session; the group tries again.
	Assigned(ctx context.Context, assignments []Assignment) (map[Partition]int64, error)
	// Consume handles one partition until ctx ends or Next says that the claim ended. Returning ends the session for
	// all partitions of this member, and a new one begins.
	Consume(ctx context.Context, claim *Claim)
}

// Group consumes as a member of a consumer group. The group shares out partitions; where reading begins is the
// handler's word, and the group's committed offsets are a hint for people and their tools (G4).
//
// Rebalancing is eager: between two sessions no member reads. With sarama's cooperative strategy a session would
// outlive a rebalance and Setup would not see partitions that come later, so their positions could not be set.
type Group struct {
	cfg        GroupConfig
	log        *slog.Logger
	handler    Handler
	rebalances prometheus.Counter

	mu     sync.Mutex
	joined bool
	since  time.Time // since when joined is what it is
	reason string    // why the group is not joined
}

// NewGroup returns a member of a group that Run joins. A process may leave a group and join it again as another member.
func NewGroup(cfg GroupConfig, handler Handler, log *slog.Logger, registry prometheus.Registerer) *Group {
	return &Group{
		cfg: cfg, handler: handler, since: time.Now(), reason: "not joined yet",
		log: log.With("group_id", cfg.GroupID), rebalances: sessions(registry).WithLabelValues(cfg.GroupID),
	}
}

// sessions returns the registry's counter of sessions, which all groups of a process share.
func sessions(registry prometheus.Registerer) *prometheus.CounterVec {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "counterfoil_group_sessions_total", Help: "Sessions of the consumer group begun; each follows a rebalance.",
	}, []string{"group"})
	err := registry.Register(counter)
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return there.ExistingCollector.(*prometheus.CounterVec)
	} else if err != nil {
		panic(err) // as MustRegister: another metric has that name
	}
	return counter
}

// maxFetchBytes is what a broker may answer to one request. A record that is larger comes alone.
const maxFetchBytes = 8 << 20

// settings returns sarama's configuration: begin at the oldest record where nobody says otherwise, and never jump when
// an offset is out of range (G11).
func (g *Group) settings() *sarama.Config {
	cfg := g.cfg.base("consumer")
	cfg.ChannelBufferSize = 1 // Claim buffers by bytes; what sarama buffers is counted in records, however large
	cfg.Consumer.Return.Errors = true
	cfg.Consumer.IsolationLevel = sarama.ReadCommitted
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Enable = true // of marked offsets, and those are marked after PostgreSQL's commit
	cfg.Consumer.Offsets.AutoCommit.Interval = time.Second
	cfg.Consumer.Group.ResetInvalidOffsets = false
	cfg.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	cfg.Consumer.Group.Session.Timeout = g.cfg.SessionTimeout
	cfg.Consumer.Group.Heartbeat.Interval = g.cfg.SessionTimeout / 4
	// A rebalance waits no longer for members that do not come again than the group does for a silent one: all of them stand
	// still meanwhile. One that needs longer for the batch under way loses its partitions, and the checkpoint fences it (G4).
	cfg.Consumer.Group.Rebalance.Timeout = g.cfg.SessionTimeout
	// The broker answers a member that joins when the rebalance is over, which begins anew when another member's session
	// ends. Who gives up earlier comes again as another member and leaves the first one behind, for which the next rebalance
	// waits: all of a group can do so for ever.
	cfg.Net.ReadTimeout = 2*g.cfg.SessionTimeout + 10*time.Second
	cfg.Consumer.MaxWaitTime = 500 * time.Millisecond
	cfg.Consumer.Fetch.MaxBytes = maxFetchBytes
	cfg.Consumer.Fetch.Max = 0 // G5: with a limit, sarama would leave out a record that is larger
	return cfg
}

// Run joins the group, again and again where it must, until ctx ends. It is a part of a service.
func (g *Group) Run(ctx context.Context) error {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 5 * time.Second
	for ctx.Err() == nil {
		began := time.Now()
		if err := g.member(ctx, wait); err != nil && ctx.Err() == nil {
			g.left(err)
			g.log.WarnContext(ctx, "not in the group, joining again", "error", err)
			pause(ctx, wait, began)
		}
	}
	return nil
}

// member is one life as a member: many sessions with one client, until an error.
func (g *Group) member(ctx context.Context, wait *backoff.ExponentialBackOff) error {
	client, err := sarama.NewClient(g.cfg.addresses(), g.settings())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	group, err := sarama.NewConsumerGroupFromClient(g.cfg.GroupID, client)
	if err != nil {
		return err
	}
	var draining sync.WaitGroup
	draining.Go(func() {
		for err := range group.Errors() {
			g.log.WarnContext(ctx, "the consumer reports", "error", err)
		}
	})
	defer draining.Wait()
	defer func() { _ = group.Close() }()
	for {
		began := time.Now()
		group.ResumeAll() // what the last session paused
		s := &session{Group: g, client: client, budget: &budget{limit: maxSessionBytes, pause: group.PauseAll, resume: group.ResumeAll}}
		if err := group.Consume(ctx, g.cfg.Topics, s); err != nil || ctx.Err() != nil {
			return g.explain(client, err)
		}
		g.left(errors.New("the session ended, joining again"))
		if s.gaveUp() {
			pause(ctx, wait, began)
		}
	}
}

// explain names the topics that do not exist where that is the error: sarama does not.
func (g *Group) explain(client sarama.Client, err error) error {
	if !errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return err
	}
	var missing []string
	for _, topic := range g.cfg.Topics {
		if _, err := client.Partitions(topic); errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			missing = append(missing, topic)
		}
	}
	if len(missing) == 0 {
		return err
	}
	return fmt.Errorf("waiting for topics that do not exist: %s: %w", strings.Join(missing, ", "), err)
}

// pause waits longer each time, and shortly again after something that began long ago.
func pause(ctx context.Context, wait *backoff.ExponentialBackOff, began time.Time) {
	if time.Since(began) > 10*time.Second {
		wait.Reset()
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait.NextBackOff()):
	}
}

func (g *Group) left(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.joined {
		g.joined, g.since = false, time.Now()
	}
	if err != nil {
		g.reason = err.Error()
	}
}

// Status reports whether the member is in its group, since when, and if not, why.
func (g *Group) Status() (joined bool, since time.Time, reason string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.joined, g.since, g.reason
}

// session adapts a Handler to one session of sarama's group.
type session struct {
	*Group
	client    sarama.Client
	budget    *budget
	claims    int32        // partitions of the session
	begun     atomic.Int32 // those that were opened for reading
	abandoned atomic.Int32 // those that the handler left although the session went on
}

// gaveUp reports whether the session ended from within and not by a rebalance: a partition could not be opened, or the
// handler left one. sarama reports neither.
func (s *session) gaveUp() bool { return s.begun.Load() < s.claims || s.abandoned.Load() > 0 }

func (s *session) Setup(sess sarama.ConsumerGroupSession) error {
	s.rebalances.Inc()
	assignments, err := s.assignments(sess.Claims())
	if err != nil {
		return err
	}
	begin, err := s.handler.Assigned(sess.Context(), assignments)
	if err != nil {
		return err
	}
	for partition, offset := range begin {
		// One moves the position back, the other forward; the one that does not fit does nothing.
		sess.ResetOffset(partition.Topic, partition.Number, offset, "")
		sess.MarkOffset(partition.Topic, partition.Number, offset, "")
	}
	s.log.InfoContext(sess.Context(), "joined", "partitions", len(assignments), "generation", sess.GenerationID())
	s.claims = int32(len(assignments))
	s.mu.Lock()
	s.joined, s.since = true, time.Now()
	s.mu.Unlock()
	return nil
}

func (s *session) assignments(claims map[string][]int32) ([]Assignment, error) {
	var assignments []Assignment
	for topic, partitions := range claims {
		id, err := topicID(s.client, topic)
		if err != nil {
			return nil, err
		}
		for _, number := range partitions {
			first, end, err := offsets(s.client, topic, number)
			if err != nil {
				return nil, err
			}
			assignments = append(assignments, Assignment{Partition{topic, number}, id, first, end})
		}
	}
	return assignments, nil
}

func (s *session) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (s *session) ConsumeClaim(sess sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	c := newClaim(sess, claim, s.budget)
	var pumping sync.WaitGroup
	pumping.Go(c.pump)
	s.begun.Add(1)
	s.handler.Consume(sess.Context(), c)
	if sess.Context().Err() == nil {
		s.abandoned.Add(1)
	}
	close(c.done)
	pumping.Wait()
	return nil
}
