package versions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/counterfoil/internal/target"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// Build is `counterfoil readmodel build`.
type Build struct {
	target.Servers `embed:""`
	Declarations   `embed:""`
	Author         `embed:""`
	Which          `embed:""`
	Local          bool          `help:"Fill the version in this process; the running consumer-services leave it alone until it is ready."`
	AllowParked    string        `help:"Why records that the serving version applied may be parked in this one; without it the first one stops the build." placeholder:"REASON"`
	Wait           bool          `default:"true" negatable:"" help:"Wait until the version is ready, and show progress."`
	Timeout        time.Duration `help:"How long to wait at most; 0 is for ever." default:"0s"`
}

// Help is shown by --help.
func (*Build) Help() string {
	return `Examples:

    counterfoil readmodel build trips 2
    counterfoil readmodel build trips 2 --no-wait
    counterfoil readmodel build trips 2 --local
    counterfoil readmodel build trips 2 --allow-parked "records without a fare are wanted here" --timeout 1h

The running consumer-services fill the version; this starts it and watches. Ctrl-C ends the watching only, and the same
command watches again. With --local this process fills it instead, by the settings that the consumer-service has
(KAFKA_GROUP_ID, READ_MODELS_DIR, …); when it is stopped or killed the version stays as it is, the same command goes on, and
without --local the consumer-services do. A version that was retired goes on where it was. The exit code is 3 when it was not ready in time, 6
when another version of the model is being built, and 7 while somebody else is at work on the model.
` + steps
}

// Built is how a build went.
type Built struct {
	ReadModel string  `json:"read_model"`
	Version   int     `json:"version"`
	State     string  `json:"state"`
	Records   int64   `json:"records"` // that the build has applied, also before this watched
	Seconds   float64 `json:"seconds"`
}

// Run starts the build, and watches it.
func (c *Build) Run(ctx context.Context, p *show.Printer) error {
	o, err := open(ctx, c.Servers, p, fmt.Sprintf("readmodel build %s", c.Model), c.Author)
	if err != nil {
		return err
	}
	defer o.close(ctx)
	number, err := c.number(ctx, o.conn)
	if err != nil {
		return coded(err)
	}
	targets, err := c.targets(ctx, p, o, number)
	if err != nil {
		return coded(err)
	}
	build := readmodel.Build{Targets: targets, AllowParked: c.AllowParked}
	if c.Local {
		if err := readmodel.LockBuilder(ctx, o.conn, c.Model, number); err != nil {
			return coded(err)
		}
		build.Builder = c.token()
	}
	v, err := readmodel.StartBuild(ctx, o.conn, c.Model, number, build, c.mandate())
	if err != nil {
		return coded(err)
	}
	if c.Local && v.State == readmodel.Building {
		return c.local(ctx, p, o, v)
	}
	return c.watch(ctx, p, o, v, nil)
}

// targets asks Kafka where the topics of the version end now.
func (c *Build) targets(ctx context.Context, p *show.Printer, o *operation, number int) ([]readmodel.Target, error) {
	v, err := find(ctx, o.conn, c.Model, number)
	if err != nil {
		return nil, err
	}
	declared, err := readmodel.StoredDeclaration(ctx, o.conn, v)
	if err != nil {
		return nil, err
	}
	admin, _, err := o.finder.OpenBroker(c.Broker)
	if err != nil {
		return nil, err
	}
	defer func() { _ = admin.Close() }()
	var targets []readmodel.Target
	for _, name := range declared.Topics() {
		topic, exists, err := admin.Topic(name)
		if err != nil {
			return nil, err
		}
		if !exists {
			return nil, exit.With(exit.NotYet, fmt.Errorf("topic %s does not exist, so there is nothing to build from; create it first", name))
		}
		for _, r := range topic.Partitions {
			if r.First > 0 && v.State == readmodel.Planned {
				p.Alert(show.Warning, "warning", fmt.Sprintf("%s/%d begins at offset %d; the version stands still there until somebody accepts the loss: counterfoil history accept --help", name, r.Number, r.First))
			}
			targets = append(targets, readmodel.Target{Topic: name, Partition: r.Number, End: r.End})
		}
	}
	return targets, nil
}

// find returns a version.
func find(ctx context.Context, db readmodel.Database, model string, number int) (readmodel.Version, error) {
	all, err := readmodel.Versions(ctx, db)
	if err != nil {
		return readmodel.Version{}, fmt.Errorf("read the versions: %w", err)
	}
	for _, v := range all {
		if v.Name == model && v.Number == number {
			return v, nil
		}
	}
	return readmodel.Version{}, fmt.Errorf("%w: %s; `counterfoil readmodel status` shows the versions that there are", readmodel.ErrAbsent, readmodel.Label(model, number))
}

// watch shows progress until the version is no longer building, or the process that builds it here has ended.
func (c *Build) watch(ctx context.Context, p *show.Printer, o *operation, v readmodel.Version, ended <-chan error) error {
	if c.Timeout > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	began, line := time.Now(), p.Progress()
	defer line.Done()
	var pace pace
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for v.State == readmodel.Building && (c.Wait || ended != nil) {
		progress, err := readmodel.BuildProgress(ctx, o.conn, v)
		if err == nil {
			pace.add(time.Now(), progress.Applied)
			line.Update(time.Now(), pace.describe(v, progress))
			if pace.stands(time.Now()) {
				line.Done()
				c.explain(ctx, p, o, v)
			}
		}
		select {
		case <-ctx.Done():
			return exit.With(exit.NotYet, fmt.Errorf("%s is still being built; the same command watches it again, and `counterfoil readmodel status` shows how far it is", v.Label()))
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("build %s here: %w", v.Label(), err)
			}
			ended = nil
		case <-look.C:
		}
		found, err := find(ctx, o.conn, v.Name, v.Number)
		if err != nil && ctx.Err() == nil {
			return coded(err)
		}
		if err == nil {
			v = found
		}
	}
	line.Done()
	progress, err := readmodel.BuildProgress(ctx, o.conn, v)
	if err != nil {
		return coded(err)
	}
	built := Built{ReadModel: v.Name, Version: v.Number, State: string(v.State), Records: progress.Applied, Seconds: time.Since(began).Seconds()}
	if err := p.Result(built, built.show); err != nil {
		return err
	}
	if c.Wait && v.State != readmodel.Ready && v.State != readmodel.Serving {
		return exit.With(exit.State, errors.New("it was given up meanwhile; `counterfoil readmodel history` says by whom"))
	}
	return nil
}

func (b Built) show(page *show.Page) {
	name := show.Cell{Text: readmodel.Label(b.ReadModel, b.Version), Tone: show.Good}
	switch readmodel.State(b.State) {
	case readmodel.Building:
		page.Line(name, show.Text(fmt.Sprintf("is building; watch it: counterfoil readmodel build %s %d", b.ReadModel, b.Version)))
	case readmodel.Ready:
		page.Line(name, show.Text(fmt.Sprintf("is ready (%s records, watched for %s); next: counterfoil readmodel verify %s %d",
			show.Count(b.Records), show.Duration(time.Duration(b.Seconds*float64(time.Second))), b.ReadModel, b.Version)))
	default:
		page.Line(name, show.Text("is "+b.State))
	}
}
