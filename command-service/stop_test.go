package commandservice_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestStop_RequestsUnderWayAreAnswered(t *testing.T) {
	t.Parallel()
	s, broker, access := onOwn(t)
	h := hold(t, broker)
	var waiting []<-chan answer
	for range 5 {
		waiting = append(waiting, s.later("/app"))
	}
	eventually(t, "five are in flight", func() bool { return s.metric("counterfoil_produce_in_flight") == "5" })
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	eventually(t, "nobody new is let in", func() bool {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("it stopped with requests under way: %v", err)
	default:
	}
	if got := s.metric("counterfoil_produce_in_flight"); got != "5" {
		t.Errorf("the admin port says that %q are in flight", got)
	}
	h.release()
	ids := map[string]bool{}
	for _, w := range waiting {
		ids[await(t, "a ticket", w).ticket(t).String()] = true
	}
	if err := await(t, "the stop", stopped); err != nil {
		t.Errorf("stop: %v", err)
	}
	for _, record := range access.Records(s.topic, 5) {
		if !ids[string(record.Key)] {
			t.Errorf("nobody holds the ticket of %s", record.Key)
		}
	}
}

func TestStop_WhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	s := launch(t, defaults(t, "127.0.0.1:1", "never"))
	requireProblem(t, s.post("/app"), http.StatusServiceUnavailable, "broker-away")
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestRun_ATakenPortIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := defaults(t, kafkatest.Broker(t), "unused")
	cfg.ServerPort = taken.Addr().(*net.TCPAddr).Port
	cfg.LogOutput = &logs{}
	err = commandservice.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(cfg.ServerPort)) {
		t.Errorf("got %v, want an error that names port %d", err, cfg.ServerPort)
	}
}
