package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/fault"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

const (
	lookEvery = time.Second     // at the versions, beside the notifications
	lookLimit = 5 * time.Second // for one look
)

// Kept is what keeps one version current.
type Kept struct {
	Run     func(ctx context.Context) error // until ctx ends, and all that it started has ended
	Changed func(readmodel.Version)         // tells it of its state, before Run and whenever that changes
}

// Only is the one version that a process builds for itself.
type Only struct {
	ReadModel string
	Version   int
	Builder   string // the process, as the control table names it
}

// Supervisor runs the versions that the control tables say are to be kept current, each apart from the others: one that
// fails, comes or goes does not touch them. While the database is away it goes on with what it knows.
type Supervisor struct {
	Preparer  Preparer
	Pool      *pgxpool.Pool
	Database  postgres.Config // to listen for changes
	Files     Files
	Reread    func() (Files, error) // what the files say by now
	Bootstrap Files                 // models that get their first version here
	Only      *Only                 // nil runs all that no other process builds for itself
	Ended     func(error)           // called when the version of Only is no longer to be built: with nil if it is ready
	Keep      func(*readmodel.Declaration) Kept
	Log       *slog.Logger

	mu       sync.Mutex
	running  map[string]*running // by label
	broken   map[string]broken   // versions that cannot be run, by label
	waiting  string              // why the versions could not be read; "" when they could
	read     bool                // they were read once
	differs  string              // models whose file is of another shape than their newest version
	prepared bool                // the control tables are those of this program
}

// running is a version that runs, or is ending.
type running struct {
	Kept
	version readmodel.Version
	cancel  context.CancelFunc
	done    chan struct{}
}

// broken is a version that cannot be run.
type broken struct {
	why     string
	serving bool
}

// Run keeps what there is to keep until ctx ends. It is a part of a service.
func (s *Supervisor) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running, s.broken, s.waiting = map[string]*running{}, map[string]broken{}, "the database was not asked yet"
	s.mu.Unlock()
	wake := make(chan struct{}, 1)
	changed := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	var listening sync.WaitGroup
	listening.Go(func() {
		postgres.Listen(ctx, s.Database, "counterfoil-consumer-versions", readmodel.VersionsChannel, s.Log, changed, func(string) { changed() })
	})
	defer listening.Wait()
	defer s.stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.look(ctx, changed)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-tick.C:
		}
	}
}

// look reads the versions once, ends what is not to run any more and starts what is not running yet.
func (s *Supervisor) look(ctx context.Context, ended func()) {
	looking, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	versions, err := s.versions(looking)
	if ctx.Err() != nil {
		return
	}
	s.known(ctx, versions, err)
	if err != nil {
		return
	}
	wanted := map[string]readmodel.Version{}
	for _, v := range versions {
		if s.mine(v) {
			wanted[v.Label()] = v
		}
	}
	for label, r := range s.running {
		v, ok := wanted[label]
		switch {
		case r.over():
			delete(s.running, label)
		case !ok || v.Fingerprint != r.version.Fingerprint:
			r.cancel() // ended says when it is over
		case v != r.version:
			r.version = v
			r.Changed(v)
		}
	}
	for _, label := range slices.Sorted(maps.Keys(wanted)) {
		if s.running[label] == nil {
			s.start(ctx, wanted[label], ended)
		}
	}
	s.forget(wanted)
	s.end(versions)
}

// versions reads the control tables. Where they are missing, older than this program or empty, it sees to them first.
func (s *Supervisor) versions(ctx context.Context) ([]readmodel.Version, error) {
	if s.prepared {
		versions, err := readmodel.Versions(ctx, s.Pool)
		wrong := postgres.IsNoDatabase(err) || fault.Is(postgres.Classify(err), fault.Misconfigured)
		if !wrong && (err != nil || !s.Bootstrap.unborn(versions)) {
			return versions, postgres.Classify(err)
		}
	}
	s.prepared = false
	if err := s.Preparer.Models(ctx, s.Bootstrap); err != nil {
		return nil, err
	}
	versions, err := readmodel.Versions(ctx, s.Pool)
	s.prepared = err == nil
	return versions, postgres.Classify(err)
}

// mine reports whether this process keeps the version. One that another process builds for itself is everybody's again when
// it is ready.
func (s *Supervisor) mine(v readmodel.Version) bool {
	if s.Only == nil {
		return v.State.Kept() && (v.Builder == "" || v.State != readmodel.Building)
	}
	return v.Name == s.Only.ReadModel && v.Number == s.Only.Version && v.Builder == s.Only.Builder && v.State == readmodel.Building
}

func (s *Supervisor) start(ctx context.Context, v readmodel.Version, ended func()) {
	d, err := s.Files.Declaration(ctx, s.Pool, v)
	if err != nil {
		if s.cannot(v, err.Error()) {
			s.Log.ErrorContext(ctx, "cannot keep a version current", "read_model", v.Name, "version", v.Number, "error", err)
		}
		return
	}
	keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{Kept: s.Keep(d), version: v, cancel: cancel, done: make(chan struct{})}
	r.Changed(v)
	s.cannot(v, "")
	s.running[v.Label()] = r
	s.Log.InfoContext(ctx, "keeping a version current", "read_model", v.Name, "version", v.Number, "state", v.State)
	go func() {
		defer func() { close(r.done); ended() }()
		if err := r.Run(keeping); err != nil {
			s.Log.ErrorContext(ctx, "keeping a version current failed", "read_model", v.Name, "version", v.Number, "error", err)
		}
		s.Log.InfoContext(ctx, "no longer keeping a version current", "read_model", v.Name, "version", v.Number)
	}()
}

func (r *running) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// stop ends all versions, and returns when they have ended.
func (s *Supervisor) stop() {
	for _, r := range s.running {
		r.cancel()
	}
	for _, r := range s.running {
		<-r.done
	}
}

// end tells that the version of Only is no longer to be built.
func (s *Supervisor) end(versions []readmodel.Version) {
	if s.Only == nil || len(s.running) > 0 {
		return
	}
	label := fmt.Sprintf("%s/v%d", s.Only.ReadModel, s.Only.Version)
	i := slices.IndexFunc(versions, func(v readmodel.Version) bool { return v.Label() == label })
	switch {
	case i < 0:
		s.Ended(errors.New("there is no version " + label))
	case versions[i].State == readmodel.Ready || versions[i].State == readmodel.Serving:
		s.Ended(nil)
	case versions[i].State != readmodel.Building:
		s.Ended(fmt.Errorf("%s is %s and no longer being built", label, versions[i].State))
	default:
		s.Ended(fmt.Errorf("%s is being built by %q", label, versions[i].Builder))
	}
}

// known remembers what a look came to, and logs what changed.
func (s *Supervisor) known(ctx context.Context, versions []readmodel.Version, err error) {
	differs := s.differing(versions)
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.waiting
	if err != nil {
		s.waiting = err.Error()
		if s.waiting != before {
			s.Log.WarnContext(ctx, "cannot read the versions of the read models, going on with those that are known", "error", err)
		}
		return
	}
	s.waiting, s.read = "", true
	if differs != s.differs {
		s.differs = differs
		if differs != "" {
			s.Log.WarnContext(ctx, "the declaration is not that of the newest version; counterfoil readmodel plan says what to do", "read_model", differs)
		}
	}
}

// differing returns the models whose newest version is not what their file says, or "". A file that was changed since this
// process read it, and then migrated, is as it should be.
func (s *Supervisor) differing(versions []readmodel.Version) string {
	differs := s.Files.differing(versions)
	if differs == "" {
		return ""
	}
	files, err := s.Reread()
	if err != nil {
		return differs
	}
	return files.differing(versions)
}

// cannot remembers why a version cannot be run, "" if it can, and reports whether that is new.
func (s *Supervisor) cannot(v readmodel.Version, why string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.broken[v.Label()]
	s.broken[v.Label()] = broken{why, v.Serving()}
	if why == "" {
		delete(s.broken, v.Label())
	}
	return before.why != why
}

// forget forgets what is wrong with versions that are not to run any more.
func (s *Supervisor) forget(wanted map[string]readmodel.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.broken, func(label string, _ broken) bool { _, ok := wanted[label]; return !ok })
}

// Status says whether the versions are known and the serving ones can be run; that the database went away later, those that
// run say. The warning tells of others that cannot, and of declarations that wait for a version: the process does its work
// all the same.
func (s *Supervisor) Status() (ok, warning bool, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok = s.read
	var details []string
	if !s.read {
		details = append(details, s.waiting)
	}
	for _, label := range slices.Sorted(maps.Keys(s.broken)) {
		b := s.broken[label]
		ok = ok && !b.serving
		details = append(details, label+": "+b.why)
	}
	if s.differs != "" {
		details = append(details, "the declaration of "+s.differs+" is not that of its newest version: see counterfoil readmodel plan")
	}
	return ok, ok && len(details) > 0, strings.Join(details, "; ")
}
