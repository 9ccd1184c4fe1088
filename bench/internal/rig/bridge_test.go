//go:build peers

package rig

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Stopping(m).Run()) }

func TestBridges_EachTicketIsOneRecordOfItsKey(t *testing.T) {
	r, err := New(Config{Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	r.broker = kafkatest.Broker(t)
	for name, start := range map[string]func(topic string) (*Process, error){
		"Camel":   func(topic string) (*Process, error) { return r.Camel(t.Context(), topic) },
		"aiohttp": func(topic string) (*Process, error) { return r.Aiohttp(t.Context(), topic) },
	} {
		t.Run(name, func(t *testing.T) {
			topic := kafkatest.Topic(t, 3)
			p, err := start(topic)
			if err != nil {
				t.Fatal(err)
			}
			const requests = 5
			tickets := map[string]bool{}
			for range requests {
				request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
				request.SetRequestURI("http://" + p.Address("http") + "/api/v1/timestamp")
				request.Header.SetMethod("POST")
				if err := fasthttp.Do(request, response); err != nil || response.StatusCode() != 200 {
					t.Fatalf("%d %s, %v\n%s", response.StatusCode(), response.Body(), err, p.Tail())
				}
				var ticket struct{ ID string }
				if err := json.Unmarshal(response.Body(), &ticket); err != nil {
					t.Fatalf("%s: %v", response.Body(), err)
				}
				tickets[ticket.ID] = true
			}
			records := kafkatest.Records(t, topic, requests)
			for _, record := range records {
				var value struct {
					ID uuid.UUID `json:"command_id"`
					At string    `json:"event_timestamp"`
				}
				if err := json.Unmarshal(record.Value, &value); err != nil {
					t.Fatalf("%s: %v", record.Value, err)
				}
				if _, err := command.ParseTimestamp(value.At); err != nil || string(record.Key) != value.ID.String() || !tickets[string(record.Key)] {
					t.Errorf("key %s, value %s, %v", record.Key, record.Value, err)
				}
			}
			if len(tickets) != requests || len(records) != requests {
				t.Errorf("%d tickets and %d records of %d requests", len(tickets), len(records), requests)
			}
		})
	}
}
