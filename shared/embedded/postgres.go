package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
	"github.com/counterfoil/counterfoil/shared/filelock"
)

// PostgresConfig says where PostgreSQL keeps its data and where it listens.
type PostgresConfig struct {
	// Dir keeps the data, the superuser's password and the server's log. It is
	// created when it is absent. When root starts PostgreSQL, which then runs as
	// another user, and that user cannot reach Dir, then another directory takes
	// its place, the same one each time, and Progress is told which.
	Dir string
	// Port is the port on 127.0.0.1. 0 means a free one.
	Port int
	// Durable makes commits survive a power failure. Without it they survive the
	// death of processes only, and the server is faster: this is for tests.
	Durable bool
	// BinDir has the programs initdb and postgres to use. Empty means the
	// machine's own, of version 14 or later, else downloaded ones.
	BinDir string
	// Download makes it use downloaded programs also where the machine has its own.
	Download bool
	// Log gets starts, stops and failures. What the server itself has to say is in
	// the file server.log in Dir. Nil means nothing is logged.
	Log *slog.Logger
	// Progress is told, in sentences for a person, what takes long or is
	// unexpected. Nil means nobody is told.
	Progress func(string)
}

// A Postgres is a running PostgreSQL server, a child of this process. It listens
// on 127.0.0.1 only, has no Unix socket, and takes no connection without a password.
type Postgres struct {
	home     home
	port     int
	password string
	process  *child.Process
	lock     *filelock.Lock
	log      *slog.Logger

	done     chan struct{}
	stopping chan struct{} // closed when it is us who end it
	stop     sync.Once
	err      error
}

// StartPostgres starts a server and returns when it accepts connections, which
// after a crash includes its recovery. The context bounds the start, not the
// server's life. A server that a killed run left behind on the same directory is
// stopped first: it is never adopted, because it would not die with this process.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	cfg.Log = orDiscard(cfg.Log)
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if cfg.Dir == "" {
		return nil, errors.New("start postgres: no directory given")
	}
	p, err := startPostgres(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	cfg.Log.Info("embedded postgres started", "port", p.port, "dir", p.home.dir, "user", p.home.account.name)
	return p, nil
}

func startPostgres(ctx context.Context, cfg PostgresConfig) (p *Postgres, err error) {
	home, err := findHome(cfg.Dir, cfg.Progress)
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Try(home.lock())
	if errors.Is(err, filelock.ErrHeld) {
		return nil, fmt.Errorf("another process runs PostgreSQL in %s: stop it or choose another directory", home.dir)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Release())
		}
	}()
	version, err := home.version()
	if err != nil {
		return nil, err
	}
	if version != "" {
		if err := errors.Join(home.account.own(home.data()), home.evict(ctx, cfg.Progress)); err != nil {
			return nil, err
		}
	}
	// Now that no leftover holds the port, and before minutes are spent on a download.
	if err := checkPort(cfg.Port); err != nil {
		return nil, err
	}
	bin, err := findBinaries(ctx, cfg, home.account, version)
	if err != nil {
		return nil, err
	}
	if version == "" {
		cfg.Progress("creating a PostgreSQL database in " + home.dir)
		if err := home.initialize(ctx, bin, cfg.Durable); err != nil {
			return nil, err
		}
	}
	password, err := home.readPassword()
	if err != nil {
		return nil, err
	}
	process, port, err := home.serve(ctx, bin, cfg)
	if err != nil {
		return nil, err
	}
	p = &Postgres{home: home, port: port, password: password, process: process, lock: lock, log: cfg.Log,
		done: make(chan struct{}), stopping: make(chan struct{})}
	go p.supervise()
	return p, nil
}

// supervise waits for the server's end, whoever caused it.
func (p *Postgres) supervise() {
	defer close(p.done)
	err := p.process.Err()
	select {
	case <-p.stopping:
	default:
		p.err = fmt.Errorf("postgres ended by itself: %v\n%s", err, p.home.logTail())
	}
	if err := p.lock.Release(); err != nil {
		p.log.Error("embedded postgres", "error", err)
	}
}

// Port returns the port on 127.0.0.1.
func (p *Postgres) Port() int { return p.port }

// PID returns the process id of the server, whose children serve the connections.
func (p *Postgres) PID() int { return p.process.PID() }

// Dir returns the directory that the data is kept in, see PostgresConfig.Dir.
func (p *Postgres) Dir() string { return p.home.dir }

// URL returns the superuser's connection URL for a database. The database
// "postgres" is always there.
func (p *Postgres) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", p.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Done is closed when the server has ended.
func (p *Postgres) Done() <-chan struct{} { return p.done }

// Err waits for the server's end and returns nil when it was stopped, else why
// it ended, with the last lines of its log.
func (p *Postgres) Err() error {
	<-p.done
	return p.err
}

// Stop ends the server's sessions, writes a checkpoint and waits for the end. When
// the context ends first it stops the server as StopImmediate does, and says so in
// its error. It may be called again.
func (p *Postgres) Stop(ctx context.Context) error {
	if err := p.signal(syscall.SIGINT); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	select {
	case <-p.done:
		p.log.Info("embedded postgres stopped", "port", p.port)
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("stop postgres: %w: it was stopped without a checkpoint and recovers when it starts again", ctx.Err()),
			p.StopImmediate())
	}
}

// StopImmediate ends the server at once, as a crash would: the next start
// recovers. It may be called again.
func (p *Postgres) StopImmediate() error {
	if err := p.signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	// The server kills processes that do not obey after 5 seconds.
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	if err := p.signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("stop postgres: %w", err)
	}
	<-p.done
	return nil
}

func (p *Postgres) signal(sig syscall.Signal) error {
	p.stop.Do(func() { close(p.stopping) })
	return p.process.Signal(sig)
}
