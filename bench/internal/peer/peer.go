// Package peer holds the programs that the services are compared with, written as people usually write them, and the
// limits: what the same machine does when part of the work is left out.
//
// Each is run as a process of its own, by the hidden subcommand peer of this program.
package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

// Command is the grammar of the subcommand.
type Command struct {
	HTTP      ceiling       `cmd:"" name:"http" help:"echo that answers without doing anything."`
	Router    router        `cmd:"" help:"The services' own router that answers without doing anything."`
	Tutorial  tutorial      `cmd:"" help:"echo and sarama's SyncProducer with its defaults."`
	Watermill watermillHTTP `cmd:"" help:"echo and Watermill's publisher."`
	OneQuery  oneQuery      `cmd:"" help:"echo and pgx, one query for each request."`
	InsertOne insertOne     `cmd:"" help:"sarama's consumer group, one INSERT for each record."`
	WaterRows watermillRows `cmd:"" help:"Watermill's subscriber, one INSERT for each message."`
	Kfake     kfake         `cmd:"" help:"The embedded broker."`
}

// Kafka is where records go to or come from.
type Kafka struct {
	Broker string `required:""`
	Topic  string `required:""`
}

// record returns the key and the value of a command, as the command-service makes them.
func record() (id string, value []byte, err error) {
	command, err := uuid.NewV7()
	if err != nil {
		return "", nil, err
	}
	id = command.String()
	value, err = json.Marshal(struct {
		CommandID      string    `json:"command_id"`
		EventTimestamp time.Time `json:"event_timestamp"`
	}{id, time.Now().UTC().Truncate(time.Microsecond)})
	return id, value, err
}

// ticket is the answer to a POST.
func ticket(c echo.Context, id string) error {
	return c.JSON(http.StatusOK, map[string]string{"id": id})
}

// nothing is to be closed.
func nothing() error { return nil }

// newEcho returns an echo as its guide begins.
func newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	return e
}

// An opener makes a handler, with what it needs and how that is closed.
type opener func(ctx context.Context) (handler http.Handler, closeIt func() error, err error)

// serve opens a handler and serves it until ctx ends, and says where.
func serve(ctx context.Context, open opener) (err error) {
	handler, closeIt, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeIt()) }()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	listening(listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	stopping := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopping()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listening says where it listens as the services do.
func listening(address string) {
	fmt.Printf("{\"msg\":\"listening\",\"part\":\"http\",\"address\":%q}\n", address)
}

// kfake is the embedded broker.
type kfake struct {
	Dir string `required:""`
}

// Run runs it until ctx ends.
func (k kfake) Run(ctx context.Context) error {
	if err := os.MkdirAll(k.Dir, 0o755); err != nil {
		return err
	}
	broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: k.Dir})
	if err != nil {
		return err
	}
	listening(broker.Addr())
	<-ctx.Done()
	return broker.Close()
}
