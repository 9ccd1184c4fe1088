package embedded

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/counterfoil/counterfoil/shared/filelock"
)

// BrokerConfig says where a broker keeps its records and where it listens.
type BrokerConfig struct {
	// Dir keeps topics, records, groups and the cluster id. Every batch is
	// synced before it is acknowledged. Empty means memory.
	Dir string
	// Port is the port on 127.0.0.1. 0 means a free one.
	Port int
	// AdvertisedPort is the port on 127.0.0.1 that clients are sent to, where a
	// proxy of theirs listens. 0 means Port.
	AdvertisedPort int
	// Log gets what the broker has to say. Nil means nothing is logged.
	Log *slog.Logger
}

// A Broker is a Kafka cluster of one node that runs inside this process. It
// creates a topic only when it is asked to. It keeps the producer's timestamp,
// also in a topic that is configured with LogAppendTime, where Apache Kafka
// stamps its own.
type Broker struct {
	cluster *kfake.Cluster
	addr    string
	log     *brokerLog
	ghosts  *ghosts
	lock    *filelock.Lock
	close   func() error
}

// StartBroker starts a broker, which answers as soon as StartBroker returns. It
// fails when the port is taken, when another process uses the directory and when
// what is in the directory cannot be read.
func StartBroker(cfg BrokerConfig) (*Broker, error) {
	b := &Broker{log: &brokerLog{log: orDiscard(cfg.Log)}}
	opts := []kfake.Opt{
		kfake.Ports(cfg.Port),
		kfake.ClusterID(newClusterID()), // only for a new directory: a used one keeps its id
		kfake.WithLogger(b.log),
	}
	if cfg.Dir != "" {
		dir, err := filepath.Abs(cfg.Dir)
		if err != nil {
			return nil, fmt.Errorf("start broker: %w", err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("start broker: %w", err)
		}
		b.lock, err = filelock.Try(filepath.Join(dir, "lock"))
		if errors.Is(err, filelock.ErrHeld) {
			return nil, fmt.Errorf("start broker: another process uses %s: stop it or choose another directory", dir)
		}
		if err != nil {
			return nil, fmt.Errorf("start broker: %w", err)
		}
		opts = append(opts, kfake.DataDir(dir), kfake.SyncWrites())
	}
	var address string // where it listens
	open := &connections{open: map[string]bool{}}
	opts = append(opts, kfake.ListenFn(func(network, at string) (net.Listener, error) {
		listener, err := net.Listen(network, at)
		if err != nil {
			return nil, err
		}
		address = listener.Addr().String()
		if cfg.AdvertisedPort == 0 {
			return open.listener(listener), nil
		}
		// kfake tells its clients what its listener says of itself.
		return elsewhere{open.listener(listener), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: cfg.AdvertisedPort}}, nil
	}))
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		err = errors.Join(err, b.unlock())
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("start broker: %w", portTaken(cfg.Port))
		}
		return nil, fmt.Errorf("start broker: %w", err)
	}
	b.cluster = cluster
	if b.ghosts, err = watchForGhosts(cluster, address, open); err != nil {
		cluster.Close()
		return nil, fmt.Errorf("start broker: %w", errors.Join(err, b.unlock()))
	}
	b.addr = cluster.ListenAddrs()[0]
	b.close = sync.OnceValue(b.closeOnce)
	b.log.log.Info("embedded broker started", "addr", b.addr, "dir", cfg.Dir)
	return b, nil
}

// Addr returns where clients find the broker, as "127.0.0.1:port".
func (b *Broker) Addr() string { return b.addr }

// Cluster gives tests the means to make the broker fail. They must not close it.
func (b *Broker) Cluster() *kfake.Cluster { return b.cluster }

// Close stops the broker and writes what is needed for a quick start to its
// directory. Acknowledged records are there already. Close may be called again.
func (b *Broker) Close() error { return b.close() }

func (b *Broker) closeOnce() error {
	b.ghosts.close()
	// kfake only logs it when it cannot write its state.
	b.log.collect()
	b.cluster.Close()
	err := errors.Join(b.log.collected(), b.unlock())
	if err != nil {
		return fmt.Errorf("close broker: %w", err)
	}
	b.log.log.Info("embedded broker stopped", "addr", b.addr)
	return nil
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	return b.lock.Release()
}

// elsewhere is a listener that gives another address than its own.
type elsewhere struct {
	net.Listener
	addr net.Addr
}

func (e elsewhere) Addr() net.Addr { return e.addr }

// newClusterID returns 16 random bytes in the form that Kafka's own ids have.
func newClusterID() string {
	var id [16]byte
	rand.Read(id[:])
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// brokerLog hands kfake's log on to slog.
type brokerLog struct {
	log *slog.Logger

	mu         sync.Mutex
	collecting bool
	errs       []error
}

func (l *brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	message := strings.TrimSpace(fmt.Sprintf(format, args...))
	switch level {
	case kfake.LogLevelError:
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.collecting {
			l.errs = append(l.errs, errors.New(message))
			return
		}
		l.log.Error("embedded broker", "detail", message)
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker", "detail", message)
	default:
		// One line for each request: kfake's info is our debug.
		l.log.Log(context.Background(), slog.LevelDebug, "embedded broker", "detail", message)
	}
}

// collect makes errors be kept for collected instead of being logged.
func (l *brokerLog) collect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.collecting = true
}

func (l *brokerLog) collected() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}

func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}

func portTaken(port int) error {
	return fmt.Errorf("port %d on 127.0.0.1 is taken: stop what listens there or choose another port", port)
}
