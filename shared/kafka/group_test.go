package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

// reader is a handler that keeps what it gets.
type reader struct {
	begin   map[int32]int64                                                     // where partitions begin; 0 where it says nothing
	assign  func(context.Context, []kafka.Assignment) error                     // decides before begin does, where it is set
	consume func(ctx context.Context, claim *kafka.Claim, batch []kafka.Record) // sees each batch first, where it is set

	mu          sync.Mutex
	assignments [][]kafka.Assignment
	records     []kafka.Record
	batches     []int // sizes
}

func (r *reader) Assigned(ctx context.Context, assignments []kafka.Assignment) (map[kafka.Partition]int64, error) {
	r.mu.Lock()
	r.assignments = append(r.assignments, assignments)
	r.mu.Unlock()
	if r.assign != nil {
		if err := r.assign(ctx, assignments); err != nil {
			return nil, err
		}
	}
	begin := map[kafka.Partition]int64{}
	for _, a := range assignments {
		begin[a.Partition] = r.begin[a.Number]
	}
	return begin, nil
}

func (r *reader) Consume(ctx context.Context, claim *kafka.Claim) {
	for {
		batch, err := claim.Next(ctx)
		if err != nil {
			return
		}
		if r.consume != nil {
			r.consume(ctx, claim, batch)
		}
		r.mu.Lock()
		r.records = append(r.records, batch...)
		r.batches = append(r.batches, len(batch))
		r.mu.Unlock()
		claim.Applied(batch[len(batch)-1].Position.Offset + 1)
	}
}

func (r *reader) read() []kafka.Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// sessions returns the partitions of each session, in order.
func (r *reader) sessions() [][]int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all [][]int32
	for _, assignments := range r.assignments {
		partitions := []int32{}
		for _, a := range assignments {
			partitions = append(partitions, a.Number)
		}
		slices.Sort(partitions)
		all = append(all, partitions)
	}
	return all
}

func (r *reader) lastSession() []int32 {
	sessions := r.sessions()
	if len(sessions) == 0 {
		return nil
	}
	return sessions[len(sessions)-1]
}

// member is a member of a group under test.
type member struct {
	*kafka.Group
	registry *prometheus.Registry
	stop     func()
}

func join(t *testing.T, addr, group string, handler kafka.Handler, topics ...string) *member {
	t.Helper()
	m := &member{registry: prometheus.NewRegistry()}
	m.Group = kafka.NewGroup(kafka.GroupConfig{
		Config: at(addr), GroupID: group, Topics: topics, SessionTimeout: 6 * time.Second,
	}, handler, quiet, m.registry)
	m.stop = run(t, m.Run)
	return m
}

func (m *member) joined() bool {
	joined, _, _ := m.Status()
	return joined
}

// values returns the values of records in the order that they were read.
func values(records []kafka.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return all
}

func numbers(first, n int) []string {
	var all []string
	for i := range n {
		all = append(all, strconv.Itoa(first+i))
	}
	return all
}

// offsets is the group's offset of one partition, as other consumers and tools see it.
type offsets struct {
	client       *kgo.Client
	group, topic string
}

func newOffsets(t *testing.T, addr, group, topic string) *offsets {
	t.Helper()
	// Up to here requests name their topics.
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(addr, ",")...), kgo.MaxVersions(kversion.V3_0_0()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &offsets{client, group, topic}
}

func (o *offsets) commit(t *testing.T, offset int64) {
	t.Helper()
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Offset = offset
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = o.group, -1
	request.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: o.topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{p}}}
	response, err := request.RequestWith(t.Context(), o.client)
	if err != nil || len(response.Topics) != 1 || response.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("commit: %v %+v", err, response)
	}
}

// committed returns the committed offset, or -1 where there is none.
func (o *offsets) committed(t *testing.T) int64 {
	t.Helper()
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = o.group
	request.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: o.topic, Partitions: []int32{0}}}
	request.Groups = []kmsg.OffsetFetchRequestGroup{
		{Group: o.group, MemberEpoch: -1, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: o.topic, Partitions: []int32{0}}}},
	}
	response, err := request.RequestWith(t.Context(), o.client)
	if err != nil {
		t.Fatal(err)
	}
	if len(response.Groups) == 1 {
		return response.Groups[0].Topics[0].Partitions[0].Offset
	}
	return response.Topics[0].Partitions[0].Offset
}

// G4: where reading begins is the handler's word, whatever the group's committed offset says, further on or further back.
func TestG4_TheHandlersPositionWinsOverTheCommittedOffset(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ committed, begin int64 }{
		"none, at the start":     {-1, 0},
		"none, further on":       {-1, 6},
		"committed and the same": {6, 6},
		"committed further on":   {8, 3},
		"committed at the end":   {10, 0},
		"committed further back": {2, 7},
		"committed at the start": {0, 9},
		"past the end":           {9_999, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic, group := kafkatest.Topic(t, 1), "group-"+uuid.NewString()
			kafkatest.Produce(t, topic, numbered(0, 0, 10)...)
			hint := newOffsets(t, kafkatest.Broker(t), group, topic)
			if test.committed >= 0 {
				hint.commit(t, test.committed)
			}
			r := &reader{begin: map[int32]int64{0: test.begin}}
			m := join(t, kafkatest.Broker(t), group, r, topic)
			want := numbers(int(test.begin), 10-int(test.begin))
			eventually(t, "it has read everything", func() bool { return len(r.read()) >= len(want) })
			m.stop()
			if got := values(r.read()); !slices.Equal(got, want) {
				t.Errorf("read %q, want %q", got, want)
			}
			if got := hint.committed(t); got != 10 {
				t.Errorf("the hint is %d after everything was applied", got)
			}
		})
	}
}

func TestGroup_TellsWhatThereIsToRead(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 3)
	kafkatest.Produce(t, topic, numbered(1, 0, 5)...)
	r := &reader{}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it has joined", m.joined)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.assignments) != 1 || len(r.assignments[0]) != 3 {
		t.Fatalf("assigned %+v", r.assignments)
	}
	for _, a := range r.assignments[0] {
		want := kafka.Assignment{Partition: kafka.Partition{Topic: topic, Number: a.Number}, TopicID: a.TopicID}
		if a.Number == 1 {
			want.End = 5
		}
		if a != want || a.TopicID == uuid.Nil {
			t.Errorf("assigned %+v, want %+v", a, want)
		}
	}
}

func TestGroup_ReadsRecordsAsTheyAre(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	before := time.Now().Add(-time.Minute)
	kafkatest.Produce(t, topic,
		kafkatest.Record{Key: []byte("k"), Value: []byte("v"), Headers: []kafkatest.Header{{Name: "a", Value: []byte("1")}, {Name: "b"}, {Name: "a", Value: []byte("2")}}},
		kafkatest.Record{Key: nil, Value: nil},
		kafkatest.Record{Key: []byte{}, Value: []byte{}},
		kafkatest.Record{Key: []byte("\x00\xff"), Value: []byte("\x00\xff")})
	r := &reader{}
	join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it has read everything", func() bool { return len(r.read()) == 4 })
	got := r.read()
	for i, record := range got {
		if record.Position.Topic != topic || record.Position.Partition != 0 || record.Position.Offset != int64(i) {
			t.Errorf("record %d is at %s", i, record.Position)
		}
		if record.Timestamp.Before(before) || record.Timestamp.After(time.Now().Add(time.Minute)) || record.Timestamp.Location() != time.UTC ||
			record.Timestamp != record.Timestamp.Truncate(time.Millisecond) {
			t.Errorf("record %d has the timestamp %s", i, record.Timestamp)
		}
	}
	if string(got[0].Header("a")) != "2" || got[0].Header("b") != nil && len(got[0].Header("b")) != 0 || got[0].Header("c") != nil || len(got[0].Headers) != 3 {
		t.Errorf("headers %v", got[0].Headers)
	}
	if got[1].Key != nil || got[1].Value != nil {
		t.Errorf("a null key or value is %q, %q", got[1].Key, got[1].Value)
	}
	if got[2].Key == nil || got[2].Value == nil || len(got[2].Key)+len(got[2].Value) != 0 {
		t.Errorf("an empty key or value is %q, %q", got[2].Key, got[2].Value)
	}
	if string(got[3].Key) != "\x00\xff" || string(got[3].Value) != "\x00\xff" {
		t.Errorf("bytes are %q, %q", got[3].Key, got[3].Value)
	}
}

// Batches of other producers: compressed in every way, and in transactions, whose aborted records do not exist and whose
// markers take offsets.
func TestGroup_ReadsWhatOtherProducersWrite(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	write := func(client *kgo.Client, value string) {
		t.Helper()
		record := &kgo.Record{Topic: topic, Value: []byte(value + strings.Repeat(" ", 1000))}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	client := func(opts ...kgo.Opt) *kgo.Client {
		t.Helper()
		c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(kafkatest.Broker(t), ",")...))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	want := []string{"gzip", "snappy", "lz4", "zstd", "committed", "last"}
	for i, codec := range []kgo.CompressionCodec{kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		write(client(kgo.ProducerBatchCompression(codec)), want[i])
	}
	transactional := client(kgo.TransactionalID(uuid.NewString()))
	for _, transaction := range []struct {
		value string
		end   kgo.TransactionEndTry
	}{{"aborted", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		if err := transactional.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		write(transactional, transaction.value)
		if err := transactional.EndTransaction(t.Context(), transaction.end); err != nil {
			t.Fatal(err)
		}
	}
	write(client(), "last")
	r := &reader{}
	join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it has read everything", func() bool { return len(r.read()) >= len(want) })
	got := r.read()
	for i := range got {
		if value := strings.TrimSpace(string(got[i].Value)); value != want[i] {
			t.Errorf("record %d is %s, want %s", i, value, want[i])
		}
	}
	if last := got[len(got)-1].Position.Offset; last <= int64(len(want)) {
		t.Errorf("the last record has offset %d: markers and aborted records take offsets", last)
	}
}

func TestClaim_BatchesGrowWhileTheHandlerIsBusy(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	kafkatest.Produce(t, topic, numbered(0, 0, 1)...)
	busy, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := &reader{consume: func(ctx context.Context, claim *kafka.Claim, batch []kafka.Record) {
		once.Do(func() {
			close(busy)
			<-release
		})
	}}
	join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	await(t, "the first batch", busy)
	const n = 12_000
	kafkatest.Produce(t, topic, numbered(0, 1, n)...)
	close(release)
	eventually(t, "it has read everything", func() bool { return len(r.read()) == n+1 })
	if got := values(r.read()); !slices.Equal(got, numbers(0, n+1)) {
		t.Error("records are missing, doubled or out of order")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.batches[0] != 1 || slices.Max(r.batches) > 10_000 || len(r.batches) > n/10 {
		t.Errorf("%d batches: %v", len(r.batches), r.batches)
	}
}

func TestClaim_BatchesAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	large := make([]kafkatest.Record, 24)
	for i := range large {
		large[i].Value = []byte(strconv.Itoa(i) + " " + strings.Repeat("x", 700_000))
	}
	var mu sync.Mutex
	var sizes []int
	var waiting sync.Once
	arrived := make(chan struct{})
	r := &reader{consume: func(ctx context.Context, claim *kafka.Claim, batch []kafka.Record) {
		waiting.Do(func() { <-arrived }) // so that everything can queue up behind the first batch
		size := 0
		for _, record := range batch {
			size += len(record.Value)
		}
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, size)
	}}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it has joined", m.joined)
	for _, record := range large {
		kafkatest.Produce(t, topic, record)
	}
	close(arrived)
	eventually(t, "it has read everything", func() bool { return len(r.read()) == len(large) })
	mu.Lock()
	defer mu.Unlock()
	if biggest := slices.Max(sizes); biggest > 4<<20 {
		t.Errorf("a batch has %d bytes", biggest)
	}
	for i, record := range r.read() {
		if !strings.HasPrefix(string(record.Value), strconv.Itoa(i)+" ") {
			t.Fatalf("record %d begins with %.5s", i, record.Value)
		}
	}
}

// Two members share the partitions, and each time they change everybody is asked anew where to begin. Everything is read,
// in order, and nothing twice by members that remember where they were.
func TestGroup_MembersShareThePartitions(t *testing.T) {
	t.Parallel()
	const partitions, each = 4, 50
	topic, group := kafkatest.Topic(t, partitions), uuid.NewString()
	// Where the partitions are is shared, as in PostgreSQL.
	var mu sync.Mutex
	next, order := map[int32]int64{}, map[int32][]string{}
	newReader := func() *reader {
		r := &reader{}
		r.assign = func(_ context.Context, assignments []kafka.Assignment) error {
			mu.Lock()
			defer mu.Unlock()
			begin := map[int32]int64{}
			maps.Copy(begin, next)
			r.begin = begin
			return nil
		}
		r.consume = func(_ context.Context, _ *kafka.Claim, batch []kafka.Record) {
			mu.Lock()
			defer mu.Unlock()
			for _, record := range batch {
				p := record.Position
				if p.Offset != next[p.Partition] {
					continue // fenced: another member was faster
				}
				next[p.Partition]++
				order[p.Partition] = append(order[p.Partition], string(record.Value))
			}
		}
		return r
	}
	produced := 0
	produce := func() {
		t.Helper()
		for p := range int32(partitions) {
			kafkatest.Produce(t, topic, numbered(p, produced, each)...)
		}
		produced += each
	}
	requireRead := func(when string) {
		t.Helper()
		eventually(t, "everything is read "+when, func() bool {
			mu.Lock()
			defer mu.Unlock()
			for p := range int32(partitions) {
				if len(order[p]) < produced {
					return false
				}
			}
			return true
		})
		mu.Lock()
		defer mu.Unlock()
		for p := range int32(partitions) {
			if !slices.Equal(order[p], numbers(0, produced)) {
				t.Errorf("%s: partition %d was read as %q", when, p, order[p])
			}
		}
	}
	first, second := newReader(), newReader()
	one := join(t, kafkatest.Broker(t), group, first, topic)
	produce()
	requireRead("by one member")
	two := join(t, kafkatest.Broker(t), group, second, topic)
	eventually(t, "each has two partitions", func() bool {
		return len(first.lastSession()) == 2 && len(second.lastSession()) == 2 && one.joined() && two.joined()
	})
	if slices.Equal(first.lastSession(), second.lastSession()) {
		t.Errorf("both have %v", first.lastSession())
	}
	produce()
	requireRead("by two members")
	one.stop()
	eventually(t, "the other one has all", func() bool { return len(second.lastSession()) == partitions })
	produce()
	requireRead("by the one that is left")
	if n := metric(t, two.registry, "counterfoil_group_sessions_total", group); n < 2 {
		t.Errorf("%v sessions are counted", n)
	}
}

func TestGroup_AMemberWithoutPartitionsWaitsForSome(t *testing.T) {
	t.Parallel()
	topic, group := kafkatest.Topic(t, 1), uuid.NewString()
	kafkatest.Produce(t, topic, numbered(0, 0, 3)...)
	readers := []*reader{{}, {}}
	members := []*member{join(t, kafkatest.Broker(t), group, readers[0], topic), join(t, kafkatest.Broker(t), group, readers[1], topic)}
	var busy, idle int
	eventually(t, "one has the partition and both are members", func() bool {
		for i := range readers {
			if len(readers[i].lastSession()) == 1 && readers[1-i].lastSession() != nil && len(readers[1-i].lastSession()) == 0 {
				busy, idle = i, 1-i
				return members[0].joined() && members[1].joined()
			}
		}
		return false
	})
	members[busy].stop()
	eventually(t, "the other one reads", func() bool { return len(readers[idle].read()) >= 3 })
}

func TestGroup_AnErrorOfAssignedIsTriedAgain(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	kafkatest.Produce(t, topic, numbered(0, 0, 3)...)
	var mu sync.Mutex
	failures := 2
	r := &reader{assign: func(context.Context, []kafka.Assignment) error {
		mu.Lock()
		defer mu.Unlock()
		if failures > 0 {
			failures--
			return errors.New("the database is away")
		}
		return nil
	}}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it says why it is not joined", func() bool {
		joined, _, reason := m.Status()
		return !joined && strings.Contains(reason, "the database is away")
	})
	eventually(t, "it has read everything", func() bool { return len(r.read()) == 3 })
	if joined, since, _ := m.Status(); !joined || time.Since(since) > patience {
		t.Errorf("joined %v since %s", joined, since)
	}
}

// A handler that returns ends the session, and the next one begins; one that always does must not spin.
func TestGroup_AHandlerThatReturnsGetsANewSession(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 2)
	r := &leaving{reader: reader{}}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	began := time.Now()
	eventually(t, "there were four sessions", func() bool { return len(r.sessions()) >= 4 })
	if took := time.Since(began); took < 500*time.Millisecond {
		t.Errorf("four sessions in %s", took)
	}
	m.stop()
}

// leaving returns from Consume at once.
type leaving struct{ reader }

func (l *leaving) Consume(context.Context, *kafka.Claim) {}

// G11: an offset that the topic does not have ends in no jump, neither to its start nor to its end.
func TestG11_AnOffsetThatIsNotThereIsNotJumpedOver(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	kafkatest.Produce(t, topic, numbered(0, 0, 5)...)
	r := &reader{begin: map[int32]int64{0: 1_000}}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), r, topic)
	eventually(t, "it has tried three times", func() bool { return len(r.sessions()) >= 3 })
	m.stop()
	if got := r.read(); len(got) != 0 {
		t.Errorf("it read %q", values(got))
	}
}

func TestGroup_ATopicThatComesLaterIsRead(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	r := &reader{}
	m := join(t, broker.Addr(), "g", r, "later")
	eventually(t, "it says why it is not joined", func() bool {
		joined, _, reason := m.Status()
		return !joined && reason != "not joined yet"
	})
	if err := broker.Cluster().CreateTopic("later", 1, nil); err != nil {
		t.Fatal(err)
	}
	kafkatest.At(t, broker.Addr()).Produce("later", numbered(0, 0, 3)...)
	eventually(t, "it has read everything", func() bool { return len(r.read()) == 3 })
}

func TestGroup_SurvivesARestartOfTheBroker(t *testing.T) {
	t.Parallel()
	broker := newRestartable(t)
	if err := broker.now.Cluster().CreateTopic("t", 2, nil); err != nil {
		t.Fatal(err)
	}
	kafkatest.At(t, broker.addr()).Produce("t", numbered(0, 0, 5)...)
	r := &reader{}
	r.assign = func(context.Context, []kafka.Assignment) error {
		r.begin = map[int32]int64{0: int64(len(r.read()))}
		return nil
	}
	m := join(t, broker.addr(), "g", r, "t")
	eventually(t, "it has read everything", func() bool { return len(r.read()) == 5 })
	for round := range 2 {
		broker.stop()
		eventually(t, "it is not joined", func() bool { return !m.joined() })
		broker.start()
		produced := 5 * (round + 2)
		kafkatest.At(t, broker.addr()).Produce("t", numbered(0, produced-5, 5)...)
		eventually(t, "it has read everything again", func() bool { return len(r.read()) == produced })
		if got := values(r.read()); !slices.Equal(got, numbers(0, produced)) {
			t.Errorf("read %q", got)
		}
	}
}

func TestGroup_AStopLeavesTheGroup(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Own(t)
	if err := broker.Cluster().CreateTopic("t", 1, nil); err != nil {
		t.Fatal(err)
	}
	m := join(t, broker.Addr(), "g", &reader{}, "t")
	eventually(t, "it has joined", m.joined)
	m.stop()
	if info, err := broker.Cluster().WaitGroupInfo(t.Context(), "g", func(g *kfake.GroupInfo) bool { return g == nil || len(g.Members) == 0 }); err != nil {
		t.Errorf("it is still a member: %+v, %v", info, err)
	}
}

func TestGroup_StopsWhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	m := join(t, "127.0.0.1:1", "g", &reader{}, "t")
	eventually(t, "it says why it is not joined", func() bool {
		_, _, reason := m.Status()
		return strings.Contains(reason, "connect") || strings.Contains(reason, "brokers")
	})
	m.stop()
}

// A stop does not wait for a handler's next record, and ends what it waits for.
func TestClaim_NextEndsWithTheSession(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 1)
	h := &waiting{began: make(chan struct{}), ended: make(chan error, 1)}
	m := join(t, kafkatest.Broker(t), uuid.NewString(), h, topic)
	await(t, "the claim", h.began)
	m.stop()
	if err := await(t, "Next", h.ended); !errors.Is(err, kafka.ErrClaimEnded) && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

type waiting struct {
	reader
	began chan struct{}
	ended chan error
}

func (w *waiting) Consume(ctx context.Context, claim *kafka.Claim) {
	close(w.began)
	_, err := claim.Next(ctx)
	if claim.End() != 0 {
		err = fmt.Errorf("the end is %d: %w", claim.End(), err)
	}
	w.ended <- err
}
