package parked

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Show is `counterfoil parked show`.
type Show struct {
	target.Servers `embed:""`
	Position       string `arg:"" help:"The record's position, as list shows it: topic/partition@offset."`
}

// Help is shown by --help.
func (*Show) Help() string {
	return `Example:

    counterfoil parked show timestamp.command.v1/3@17

Key and value are shown as text where they are text; -o json has their bytes in base64.`
}

// whole is a record with what every version says of it.
type whole struct {
	Versions  []readmodel.ParkedRecord `json:"versions"`
	Timestamp *time.Time               `json:"timestamp"`
	Key       []byte                   `json:"key"`
	Headers   json.RawMessage          `json:"headers"`
	Value     []byte                   `json:"value"`
}

// Run shows the record.
func (c *Show) Run(ctx context.Context, p *show.Printer) error {
	filter, err := Filter{}.records("", []string{c.Position})
	if err != nil {
		return err
	}
	pool, err := c.OpenDatabase(ctx, p)
	if err != nil {
		return err
	}
	defer pool.Close()
	versions, err := readmodel.ListParked(ctx, pool, filter)
	if err != nil {
		return fmt.Errorf("read the parked record: %w", err)
	}
	if len(versions) == 0 {
		return none()
	}
	content, err := readmodel.ReadParked(ctx, pool, filter.Positions[0])
	if err != nil {
		return fmt.Errorf("read the parked record: %w", err)
	}
	record := whole{versions, content.Timestamp, content.Key, content.Headers, content.Value}
	return p.Result(record, func(page *show.Page) {
		table(page, versions)
		page.Line()
		page.Fields(
			show.Field{Name: "timestamp", Value: show.Text(written(content.Timestamp))},
			show.Field{Name: "key", Value: show.Text(readable(content.Key))},
			show.Field{Name: "headers", Value: show.Text(string(content.Headers))},
			show.Field{Name: "value", Value: show.Text(readable(content.Value))},
		)
	})
}

func written(at *time.Time) string {
	if at == nil {
		return "none"
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// readable writes bytes as text where they are text that a terminal can bear, else quoted; at most a screenful.
func readable(content []byte) string {
	const most = 4000
	if content == nil {
		return "null"
	}
	text, cut := string(content), ""
	if len(text) > most {
		end := most
		for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end-- // a letter that is cut is none
		}
		text, cut = text[:end], fmt.Sprintf("… (%d bytes in all)", len(content))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		text = fmt.Sprintf("%q", text)
	}
	return text + cut
}
