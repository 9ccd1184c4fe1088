package kafkatest_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestRecords_AreWhatWasProduced(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 2)
	sent := []kafkatest.Record{
		{Partition: 1, Key: []byte("k"), Value: []byte("first"), Headers: []kafkatest.Header{{"h", []byte("1")}, {"h", []byte("2")}}},
		{Partition: 0, Value: []byte{}},
		{Partition: 1, Key: []byte("k")},
	}
	if offsets := kafkatest.Produce(t, topic, sent...); offsets[0] != 0 || offsets[1] != 0 || offsets[2] != 1 {
		t.Fatalf("offsets %v", offsets)
	}
	got := kafkatest.Records(t, topic, 3)
	if len(got) != 3 {
		t.Fatalf("got %d records", len(got))
	}
	for i, want := range []kafkatest.Record{sent[1], sent[0], sent[2]} {
		if got[i].Partition != want.Partition || !bytes.Equal(got[i].Key, want.Key) || !bytes.Equal(got[i].Value, want.Value) ||
			len(got[i].Headers) != len(want.Headers) || (got[i].Value == nil) != (want.Value == nil) {
			t.Errorf("record %d: got %+v, want %+v", i, got[i], want)
		}
		if age := time.Since(got[i].Timestamp); age < -time.Minute || age > time.Minute {
			t.Errorf("record %d: timestamp %s", i, got[i].Timestamp)
		}
	}
	if string(got[1].Headers[1].Value) != "2" {
		t.Errorf("headers %v", got[1].Headers)
	}
}

func TestRecords_WaitsForWhatIsMissingAndShowsASurplus(t *testing.T) {
	t.Parallel()
	topic := kafkatest.Topic(t, 3)
	if got := kafkatest.Records(t, topic, 0); len(got) != 0 {
		t.Fatalf("a new topic holds %v", got)
	}
	kafkatest.Produce(t, topic, kafkatest.Record{Value: []byte("a")}, kafkatest.Record{Value: []byte("b")})
	if got := kafkatest.Records(t, topic, 1); len(got) != 2 {
		t.Fatalf("got %d records, want the surplus too", len(got))
	}
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		kafkatest.Produce(t, topic, kafkatest.Record{Partition: 2, Value: []byte("c")})
	}()
	if got := kafkatest.Records(t, topic, 3); len(got) != 3 {
		t.Fatalf("got %d records", len(got))
	}
	<-produced
}

func TestOwn_IsAnotherBroker(t *testing.T) {
	t.Parallel()
	own := kafkatest.Own(t)
	at := kafkatest.At(t, own.Addr())
	topic := at.Topic(1)
	at.Produce(topic, kafkatest.Record{Value: []byte("x")})
	if got := at.Records(topic, 1); len(got) != 1 {
		t.Fatalf("got %d records", len(got))
	}
	if own.Addr() == kafkatest.Broker(t) {
		t.Fatal("it is the process's broker")
	}
}
