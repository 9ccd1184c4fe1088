//go:build apache

package apache_test

import (
	"errors"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart_OneNodeStampsRecordsWithItsOwnClock(t *testing.T) {
	cluster := start(t, apache.Config{Nodes: 1, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	at := kafkatest.At(t, cluster.String())
	topic := at.Topic(1)
	before := time.Now().Truncate(time.Millisecond)
	at.Produce(topic, kafkatest.Record{Timestamp: time.Unix(1, 0), Value: []byte("old")})
	got := at.Records(topic, 1)[0]
	if got.Timestamp.Before(before) || got.Timestamp.After(time.Now()) {
		t.Fatalf("stamped %s, and it was produced after %s", got.Timestamp, before)
	}
}

func TestKillNode_ReplicatedRecordsStayAndTheNodeComesBack(t *testing.T) {
	cluster := start(t, apache.Config{Nodes: 3})
	at := kafkatest.At(t, cluster.String())
	topic := at.Topic(3)
	at.Produce(topic, kafkatest.Record{Partition: 0}, kafkatest.Record{Partition: 1}, kafkatest.Record{Partition: 2})
	if err := cluster.KillNode(1); err != nil {
		t.Fatal(err)
	}
	at.Produce(topic, kafkatest.Record{Partition: 0}, kafkatest.Record{Partition: 1}, kafkatest.Record{Partition: 2})
	if got := at.Records(topic, 6); len(got) != 6 {
		t.Fatalf("%d records", len(got))
	}
	if err := cluster.StartNode(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := cluster.StopNode(0); err != nil {
		t.Fatal(err)
	}
	if got := at.Records(topic, 6); len(got) != 6 {
		t.Fatalf("%d records", len(got))
	}
}

func TestStart_ADirectoryKeepsItsRecords(t *testing.T) {
	dir := t.TempDir()
	var topic string
	for run, stop := range []func(*apache.Cluster) error{
		(*apache.Cluster).Close, // shut down
		func(c *apache.Cluster) error { return errors.Join(c.KillNode(0), c.Close()) },
		(*apache.Cluster).Close,
	} {
		cluster := start(t, apache.Config{Nodes: 1, Dir: dir})
		at := kafkatest.At(t, cluster.String())
		if run == 0 {
			topic = at.Topic(1)
			at.Produce(topic, kafkatest.Record{Value: []byte("kept")})
		}
		if got := at.Records(topic, 1); string(got[0].Value) != "kept" {
			t.Errorf("run %d: %v", run, got)
		}
		if err := stop(cluster); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWait_SaysWhenANodeEndsByItself(t *testing.T) {
	dir := t.TempDir()
	cluster := start(t, apache.Config{Nodes: 1, Dir: dir})
	output, err := exec.Command("pgrep", "-f", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(output)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "node 0 ended by itself") {
		t.Fatalf("got %v", err)
	}
	if err := cluster.StartNode(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
}

func TestStart_OneProcessPerDirectoryAndPort(t *testing.T) {
	dir := t.TempDir()
	cluster := start(t, apache.Config{Nodes: 1, Dir: dir})
	if _, err := apache.Start(t.Context(), apache.Config{Nodes: 1, Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	_, port, _ := net.SplitHostPort(cluster.Addrs()[0])
	taken, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apache.Start(t.Context(), apache.Config{Nodes: 1, Port: taken}); err == nil || !strings.Contains(err.Error(), "port "+port) {
		t.Errorf("got %v", err)
	}
}

func start(t *testing.T, cfg apache.Config) *apache.Cluster {
	t.Helper()
	began := time.Now()
	cluster, err := apache.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes after %s", cfg.Nodes, time.Since(began))
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}
