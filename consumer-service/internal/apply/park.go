package apply

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/command"
	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/kafka"
)

// Parked is a record that was set aside, and why.
type Parked struct {
	Record kafka.Record
	Fault  *fault.Error
}

// park sets the items that cannot apply aside, whole (G5). What is written must fit whatever a record holds: PostgreSQL
// has neither NUL nor broken UTF-8 in text, so names are mended and bytes are kept as bytes.
func (a *Applier) park(ctx context.Context, tx pgx.Tx, items []item, result *Result) error {
	for _, it := range items {
		if it.fault == nil {
			continue
		}
		r := it.record
		headers, err := headersJSON(r.Headers)
		if err != nil {
			return fmt.Errorf("park %s: %w", r.Position, err)
		}
		var at *time.Time
		if keepable(r.Timestamp) {
			at = &r.Timestamp
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO counterfoil.parked (read_model, version, topic, partition, "offset",
				code, reason, correlation_id, record_time, key, headers, value)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT DO NOTHING`,
			a.declaration.Name, a.declaration.Version, r.Position.Topic, r.Position.Partition, r.Position.Offset,
			it.fault.Code, it.fault.Message, CorrelationID(r), at, r.Key, headers, r.Value)
		if err != nil {
			return fmt.Errorf("park %s: %w", r.Position, err)
		}
		result.Parked = append(result.Parked, Parked{r, it.fault})
	}
	return nil
}

// headersJSON returns a list of {"key": text, "value": base64}.
func headersJSON(headers []kafka.Header) (string, error) {
	type header struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	}
	list := make([]header, len(headers))
	for i, h := range headers {
		list[i] = header{text(h.Key), base64.StdEncoding.EncodeToString(h.Value)}
	}
	encoded, err := json.Marshal(list)
	return string(encoded), err
}

// CorrelationID returns the record's correlation id, cut to what a log line and a column can bear; "" where it has none.
func CorrelationID(r kafka.Record) string {
	id := r.Header(command.CorrelationHeader)
	return text(string(id[:min(len(id), 64)]))
}

func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
