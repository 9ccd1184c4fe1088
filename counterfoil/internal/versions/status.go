package versions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/status"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Status is `counterfoil readmodel status`.
type Status struct {
	target.Servers `embed:""`
	Model          string `arg:"" optional:"" help:"Only this read model."`
}

// Help is shown by --help.
func (*Status) Help() string {
	return `Examples:

    counterfoil readmodel status
    counterfoil readmodel status trips -o json | jq '.[] | {version, state, lag}'

LAG is how many records are still to be applied, BEHIND in how many partitions the version has not reached the serving one.
counterfoil status has the partitions. The exit code is 3 where there is no read model.`
}

// Overview is what status says of one version.
type Overview struct {
	ReadModel  string                  `json:"read_model"`
	Version    int                     `json:"version"`
	State      string                  `json:"state"`
	Since      time.Time               `json:"since"`
	Previous   bool                    `json:"previous,omitempty"` // rollback goes back to it
	Builder    string                  `json:"builder,omitempty"`
	Lag        *int64                  `json:"lag"`    // null where it is not kept current, or Kafka is away
	Behind     int                     `json:"behind"` // partitions in which it has not reached the serving one
	Parked     int64                   `json:"parked"`
	Bytes      int64                   `json:"bytes"`
	Verified   *readmodel.Verification `json:"verified"` // since it was last built
	Indexed    bool                    `json:"indexed"`
	LostRecord string                  `json:"lost,omitempty"`
}

// Run shows all versions.
func (c *Status) Run(ctx context.Context, p *show.Printer) error {
	servers, err := c.Open(ctx, p)
	if err != nil {
		return err
	}
	defer servers.Close()
	all, err := survey(ctx, servers.Pool, servers.Admin, c.Model)
	if err != nil {
		return coded(err)
	}
	if len(all) == 0 {
		return exit.With(exit.NotYet, errors.New("there is no such read model; the consumer-service makes those that are declared, or `counterfoil readmodel migrate`"))
	}
	return p.Result(all, func(page *show.Page) { overview(page, all) })
}

func survey(ctx context.Context, pool *postgres.Pool, admin *kafka.Admin, model string) ([]Overview, error) {
	versions, err := readmodel.DeclaredVersions(ctx, pool)
	if err != nil {
		return nil, err
	}
	parked, err := readmodel.ParkedRecords(ctx, pool)
	if err != nil {
		return nil, err
	}
	serving := map[string]readmodel.Version{}
	for _, v := range versions {
		if v.Serving() {
			serving[v.Name] = v.Version
		}
	}
	var all []Overview
	for _, v := range versions {
		if model != "" && v.Name != model {
			continue
		}
		o := Overview{ReadModel: v.Name, Version: v.Number, State: string(v.State), Since: v.ChangedAt, Previous: v.Previous, Builder: v.Builder, Indexed: v.Indexed}
		for _, p := range parked {
			if p.ReadModel == v.Name && p.Version == v.Number {
				o.Parked += p.Records
			}
		}
		if o.Bytes, err = readmodel.TableBytes(ctx, pool, v.Version); err != nil {
			return nil, err
		}
		if o.Verified, err = readmodel.LastVerification(ctx, pool, v.Name, v.Number); err != nil {
			return nil, err
		}
		if v.State.Kept() {
			gaps, err := readmodel.Behind(ctx, pool, serving[v.Name], v.Version)
			if err != nil {
				return nil, err
			}
			o.Behind = len(gaps)
			if err := o.lag(ctx, pool, admin, v); err != nil {
				return nil, err
			}
		}
		all = append(all, o)
	}
	return all, nil
}

func (o *Overview) lag(ctx context.Context, pool *postgres.Pool, admin *kafka.Admin, v readmodel.Declared) error {
	progress, err := status.Survey(ctx, pool, admin, []readmodel.Declared{v})
	if err != nil {
		return err
	}
	o.Lag = new(int64)
	for _, p := range progress {
		*o.Lag += p.Lag
		if p.Lost != "" {
			o.LostRecord = p.Lost
		}
	}
	return nil
}

func overview(page *show.Page, all []Overview) {
	tones := map[readmodel.State]show.Tone{readmodel.Serving: show.Good, readmodel.Building: show.Warning, readmodel.Dropped: show.Faint, readmodel.Retired: show.Faint}
	var rows [][]show.Cell
	for _, o := range all {
		state := o.State
		if o.Previous {
			state += ", previous"
		}
		if o.Builder != "" {
			state += " by " + o.Builder
		}
		lag, behind := "", ""
		if o.Lag != nil {
			lag = show.Count(*o.Lag)
			if o.State != string(readmodel.Serving) {
				behind = strconv.Itoa(o.Behind)
			}
		}
		if o.LostRecord != "" {
			lag = "history lost"
		}
		verified := show.Cell{}
		switch {
		case o.Verified == nil:
		case o.Verified.Equal:
			verified = show.Cell{Text: fmt.Sprintf("equal with v%d, %s", o.Verified.Against, o.Verified.At.UTC().Format(time.RFC3339)), Tone: show.Good}
		default:
			verified = show.Cell{Text: fmt.Sprintf("differs from v%d, %s", o.Verified.Against, o.Verified.At.UTC().Format(time.RFC3339)), Tone: show.Bad}
		}
		rows = append(rows, []show.Cell{
			show.Text(readmodel.Label(o.ReadModel, o.Version)), {Text: state, Tone: tones[readmodel.State(o.State)]}, show.Text(o.Since.UTC().Format(time.RFC3339)),
			show.Text(lag), show.Text(behind), show.Text(show.Count(o.Parked)), show.Text(show.Bytes(o.Bytes)), verified,
		})
	}
	page.Table([]string{"version", "state", "since", "lag", "behind", "parked", "size", "verified"}, rows)
}
