// Package parked is the commands parked …: what is set aside because it cannot apply, and decisions about it.
package parked

import (
	"fmt"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Commands are the commands below `counterfoil parked`.
type Commands struct {
	List      List      `cmd:"" help:"Show what is set aside, and why."`
	Show      Show      `cmd:"" help:"Show one record whole."`
	Retry     Retry     `cmd:"" help:"Apply parked records again, and then those that wait behind them."`
	Discard   Discard   `cmd:"" help:"Decide that parked records never apply; those that wait behind them go on."`
	ReplayAll ReplayAll `cmd:"" help:"Retry everything that is parked, up to a limit."`
}

// Filter are the flags that choose records.
type Filter struct {
	ReadModel string `help:"Only of this read model." placeholder:"NAME"`
	Topic     string `help:"Only of this topic." placeholder:"TOPIC"`
	Code      string `help:"Only for this reason: undecodable, missing-field, impossible-value, key-mismatch, refused-by-database, behind-parked." placeholder:"CODE"`
	Since     string `help:"Only those parked since then: RFC 3339, or how long ago, such as 2h." placeholder:"TIME"`
	Until     string `help:"Only those parked before then." placeholder:"TIME"`
	Limit     int    `default:"100" help:"At most so many records, the oldest first; 0 means all."`
}

func (f Filter) records(state string, positions []string) (readmodel.ParkedFilter, error) {
	filter := readmodel.ParkedFilter{ReadModel: f.ReadModel, Topic: f.Topic, Code: f.Code, State: state, Limit: f.Limit}
	var err error
	if filter.Since, err = moment("--since", f.Since); err != nil {
		return filter, err
	}
	if filter.Until, err = moment("--until", f.Until); err != nil {
		return filter, err
	}
	for _, text := range positions {
		at, err := position.Parse(text)
		if err != nil {
			return filter, exit.With(exit.Usage, fmt.Errorf("%s: %w; `counterfoil parked list` shows them", text, err))
		}
		filter.Positions = append(filter.Positions, at)
	}
	return filter, nil
}

// chooses reports whether anything narrows the records.
func (f Filter) chooses() bool {
	return f.ReadModel != "" || f.Topic != "" || f.Code != "" || f.Since != "" || f.Until != ""
}

// moment reads a time, or a duration before now. The empty text is the zero time.
func moment(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return time.Now().Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, exit.With(exit.Usage, fmt.Errorf("%s %s is neither RFC 3339, such as 2026-01-02T15:04:05Z, nor how long ago, such as 2h", flag, text))
	}
	return at, nil
}
