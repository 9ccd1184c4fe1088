package peer

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/kafkatest"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Stopping(pgtest.Stopping(m)).Run()) }

func TestPublishers_EachTicketIsOneRecordOfItsKey(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(Kafka) opener{
		"tutorial":      func(k Kafka) opener { return tutorial{Kafka: k}.open },
		"tutorial, all": func(k Kafka) opener { return tutorial{Kafka: k, All: true}.open },
		"Watermill":     func(k Kafka) opener { return watermillHTTP{k}.open },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			topic := kafkatest.Topic(t, 3)
			handler := opened(t, open(Kafka{kafkatest.Broker(t), topic}))
			const requests = 20
			tickets := map[string]bool{}
			for range requests {
				tickets[posted(t, handler)] = true
			}
			records := kafkatest.Records(t, topic, requests)
			if len(tickets) != requests || len(records) != requests {
				t.Fatalf("%d tickets and %d records of %d requests", len(tickets), len(records), requests)
			}
			for _, record := range records {
				var value struct {
					ID uuid.UUID `json:"command_id"`
					At string    `json:"event_timestamp"`
				}
				if err := json.Unmarshal(record.Value, &value); err != nil {
					t.Fatal(err)
				}
				if _, err := command.ParseTimestamp(value.At); err != nil {
					t.Errorf("%s: %v", record.Value, err)
				}
				if !tickets[value.ID.String()] || string(record.Key) != value.ID.String() {
					t.Errorf("key %s, value %s: nobody has its ticket", record.Key, record.Value)
				}
			}
		})
	}
}

func TestCeilings_AnswerAsTheServicesDo(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]opener{"HTTP": ceiling{}.open, "router": router{}.open} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := opened(t, open)
			id := posted(t, handler)
			get := httptest.NewRequest(http.MethodGet, "/api/v1/timestamp/"+id, nil)
			if answer := answered(handler, get); answer.Code != http.StatusOK || idOf(t, answer) != id || answer.Header().Get("ETag") != tag {
				t.Errorf("GET: %d %s", answer.Code, answer.Body)
			}
			get.Header.Set("If-None-Match", tag)
			if answer := answered(handler, get); answer.Code != http.StatusNotModified || answer.Body.Len() > 0 {
				t.Errorf("GET of what is known: %d %s", answer.Code, answer.Body)
			}
		})
	}
}

func TestConsumers_EachCommandBecomesOneRowHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	for name, consume := range map[string]func(rows) func(context.Context) error{
		"tutorial":        func(r rows) func(context.Context) error { return insertOne{rows: r, Commit: true}.consume },
		"one INSERT each": func(r rows) func(context.Context) error { return insertOne{rows: r}.consume },
		"Watermill":       func(r rows) func(context.Context) error { return watermillRows{r}.consume },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const commands = 12
			topic, at := kafkatest.Topic(t, 3), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			var records []kafkatest.Record
			for i := range commands {
				c := command.Timestamp{ID: uuid.UUID{15: byte(i)}, At: at}
				record := kafkatest.Record{Partition: int32(i % 3), Key: c.Key(), Value: c.Value()}
				records = append(records, record, record)
			}
			kafkatest.Produce(t, topic, records...)
			url, pool := table(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- consume(rows{Kafka{kafkatest.Broker(t), topic}, "group-" + topic, url, 4})(ctx) }()
			awaitRows(t, pool, commands)
			var same int
			err := pool.QueryRow(t.Context(), `SELECT count(*) FROM timestamp_v1.timestamp_records WHERE event_timestamp = $1`, at).Scan(&same)
			if err != nil || same != commands {
				t.Errorf("%d rows have the event time, error %v", same, err)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOneQuery_AnswersWithTheRowAndElseNotFound(t *testing.T) {
	t.Parallel()
	url, pool := table(t)
	const id = "01900000-0000-7000-8000-000000000001"
	if _, err := pool.Exec(t.Context(), `INSERT INTO timestamp_v1.timestamp_records VALUES ($1, now(), now())`, id); err != nil {
		t.Fatal(err)
	}
	handler := opened(t, oneQuery{DB: url, Conns: 2}.open)
	there := answered(handler, httptest.NewRequest(http.MethodGet, "/api/v1/timestamp/"+id, nil))
	if there.Code != http.StatusOK || idOf(t, there) != id {
		t.Errorf("%d %s", there.Code, there.Body)
	}
	if absent := answered(handler, httptest.NewRequest(http.MethodGet, "/api/v1/timestamp/"+uuid.NewString(), nil)); absent.Code != http.StatusNotFound {
		t.Errorf("%d %s", absent.Code, absent.Body)
	}
}

func opened(t *testing.T, open opener) http.Handler {
	t.Helper()
	handler, closeIt, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeIt(); err != nil {
			t.Error(err)
		}
	})
	return handler
}

func answered(handler http.Handler, request *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// posted sends a command and returns its ticket.
func posted(t *testing.T, handler http.Handler) string {
	t.Helper()
	answer := answered(handler, httptest.NewRequest(http.MethodPost, "/api/v1/timestamp", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	return idOf(t, answer)
}

func idOf(t *testing.T, answer *httptest.ResponseRecorder) string {
	t.Helper()
	var body struct{ ID string }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v", answer.Body, err)
	}
	return body.ID
}

// table returns a database with the table of the read model, for its superuser.
func table(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = pgtest.Database(t).SuperURL
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	_, err = pool.Exec(t.Context(), `
		CREATE SCHEMA timestamp_v1;
		CREATE TABLE timestamp_v1.timestamp_records (id uuid PRIMARY KEY, event_timestamp timestamptz NOT NULL, created_at timestamptz NOT NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	return url, pool
}

// awaitRows waits until the table has that many rows.
func awaitRows(t *testing.T, pool *pgxpool.Pool, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := -1; n != want; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("%d rows, want %d: %w", n, want, ctx.Err()))
		}
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM timestamp_v1.timestamp_records`).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}
