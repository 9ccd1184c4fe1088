package history

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/decision"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestAccept_RecordsWhereToGoOnInEveryPartitionThatLostRecords(t *testing.T) {
	t.Parallel()
	topic, control, db := kafkatest.Topic(t, 2), kafkatest.Topic(t, 1), pgtest.Database(t)
	kafkatest.Produce(t, topic, kafkatest.Record{}, kafkatest.Record{}, kafkatest.Record{Partition: 1})
	prepare(t, db.OwnerURL, topic)
	deleteBefore(t, topic, 0, 2)

	var out bytes.Buffer
	c := &Accept{
		Servers: target.Servers{Broker: kafkatest.Broker(t), DBURL: db.OwnerURL, Data: filepath.Join(t.TempDir(), "absent")},
		Verdict: target.Verdict{Reason: "drill", By: "test", ControlTopic: control},
	}
	err := c.Run(t.Context(), show.New(show.Options{Out: &out, Err: &bytes.Buffer{}, JSON: true}))
	// No consumer runs here, so the decision is recorded and not carried out.
	if exit.Code(err) != exit.NotYet || !strings.Contains(err.Error(), "is it running?") {
		t.Errorf("it ended with %v", err)
	}
	var outcomes []target.Outcome
	if err := json.Unmarshal(out.Bytes(), &outcomes); err != nil || len(outcomes) != 1 {
		t.Fatalf("%v: %s", err, out.String())
	}
	d, err := decision.Parse(kafkatest.Records(t, control, 1)[0].Value)
	if err != nil || d.Verb != decision.AcceptLoss || d.ReadModel != "timestamp" || d.Position.String() != topic+"/0@2" || d.By != "test" {
		t.Errorf("recorded %+v (%v)", d, err)
	}
}

func prepare(t *testing.T, ownerURL, topic string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	log := slog.New(slog.DiscardHandler)
	declarations, err := readmodel.Load("", map[string]string{"KAFKA_CONSUMER_TOPIC": topic})
	err = errors.Join(err, postgres.Migrate(t.Context(), conn, log))
	if err != nil {
		t.Fatal(err)
	}
	if err := readmodel.Ensure(t.Context(), conn, declarations[0], log); err != nil {
		t.Fatal(err)
	}
}

func deleteBefore(t *testing.T, topic string, partition int32, offset int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(kafkatest.Broker(t), ",")...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var offsets kadm.Offsets
	offsets.AddOffset(topic, partition, offset, -1)
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
}
