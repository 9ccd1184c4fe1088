package rig

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// DropDatabase drops the services' database under their feet.
func (r *Rig) DropDatabase() {
	r.t.Helper()
	config := r.pool.Config().ConnConfig
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(r.t.Context(), config)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(r.t.Context())) }()
	if _, err := conn.Exec(r.t.Context(), `DROP DATABASE `+pgx.Identifier{r.DB.Name}.Sanitize()+` WITH (FORCE)`); err != nil {
		r.t.Fatal(err)
	}
}

// Decide writes a decision to the control topic: to try a record again, which was never parked.
func (r *Rig) Decide() {
	r.t.Helper()
	client, err := r.newKafka()
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	at := r.Topic + "/0@0"
	record := &kgo.Record{
		Topic: "counterfoil.control.v1", Key: []byte("timestamp " + at),
		Value: fmt.Appendf(nil, `{"decision":"retry","read_model":"timestamp","position":%q,"reason":"to be there","by":"faults"}`, at),
	}
	if err := client.ProduceSync(r.t.Context(), record).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// AwaitEnd waits until this life of the service has ended.
func (s *Service) AwaitEnd() error {
	return until(Patience, func(context.Context) error {
		if s.Running() {
			return fmt.Errorf("%s still runs", s.Name)
		}
		return nil
	})
}
