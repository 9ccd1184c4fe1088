package apache

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/counterfoil/counterfoil/shared/filelock"
	"github.com/counterfoil/counterfoil/shared/internal/tempdir"
)

// Config says how many nodes to run and where.
type Config struct {
	// Nodes is 1 or 3. Three nodes replicate: replication factor 3, min.insync.replicas 2.
	Nodes int
	// Dir keeps records, metadata and each node's log. Empty means a temporary
	// directory that Close removes.
	Dir string
	// Port is the first node's port on 127.0.0.1; the other nodes take the ports
	// that follow. 0 means free ones.
	Port int
	// Log gets starts and ends of nodes. Nil means nothing is logged.
	Log *slog.Logger
	// Progress is told, in sentences for a person, what takes long. Nil means nobody is told.
	Progress func(string)
}

// A Cluster is a running cluster. Its nodes are numbered from 0. Its methods may
// be called from several goroutines as long as no two of them concern one node.
type Cluster struct {
	nodes     []*node
	lock      *filelock.Lock
	temporary *tempdir.Dir // nil when the directory is to be kept
	failed    chan error
}

// Start starts a cluster and returns when every node answers requests and knows
// all the others. The context bounds the start, not the cluster's life.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start apache kafka: %w", err)
	}
	return c, nil
}

func start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Nodes != 1 && cfg.Nodes != 3 {
		return nil, fmt.Errorf("a cluster has 1 or 3 nodes, not %d", cfg.Nodes)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	java, err := Java()
	if err != nil {
		return nil, err
	}
	ports, err := choosePorts(cfg.Port, cfg.Nodes)
	if err != nil {
		return nil, err
	}
	jars, err := findJars(ctx, cfg.Progress)
	if err != nil {
		return nil, err
	}
	c := &Cluster{failed: make(chan error, 1)}
	if err := c.run(ctx, cfg, ports, java, jars); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) run(ctx context.Context, cfg Config, ports ports, java, jars string) error {
	if err := c.takeDir(&cfg); err != nil {
		return err
	}
	clusterID, err := clusterID(cfg.Dir)
	if err != nil {
		return err
	}
	for i := range cfg.Nodes {
		c.nodes = append(c.nodes, newNode(i, ports, nodeConfig{
			java: java, jars: jars, clusterID: clusterID, log: cfg.Log, failed: c.failed,
			dir: filepath.Join(cfg.Dir, fmt.Sprintf("node-%d", i)),
		}))
	}
	// The first node that fails ends the waiting of the others.
	all, ctx := errgroup.WithContext(ctx)
	for _, n := range c.nodes {
		all.Go(func() error {
			if err := n.start(ctx); err != nil {
				return err
			}
			return n.awaitReady(ctx, cfg.Nodes)
		})
	}
	return all.Wait()
}

// takeDir makes the directory and makes sure that no other process uses it.
func (c *Cluster) takeDir(cfg *Config) (err error) {
	if cfg.Dir == "" {
		if c.temporary, err = tempdir.New("counterfoil-kafka"); err != nil {
			return err
		}
		cfg.Dir = c.temporary.Path()
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return err
	}
	c.lock, err = filelock.Try(filepath.Join(cfg.Dir, "lock"))
	if errors.Is(err, filelock.ErrHeld) {
		return fmt.Errorf("another process uses %s: stop it or choose another directory", cfg.Dir)
	}
	return err
}

// clusterID returns the id of the cluster whose nodes live in the directory.
func clusterID(dir string) (string, error) {
	path := filepath.Join(dir, "cluster-id")
	content, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return string(content), err
	}
	var random [16]byte
	rand.Read(random[:])
	random[0] &= 0x7f // Kafka's tools take an id that begins with a dash for an option
	id := base64.RawURLEncoding.EncodeToString(random[:])
	return id, os.WriteFile(path, []byte(id), 0o644)
}

// Addrs returns every node's "127.0.0.1:port".
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, n := range c.nodes {
		addrs = append(addrs, n.addr())
	}
	return addrs
}

// String returns the addresses as TEST_KAFKA_BROKER and KAFKA_BROKER hold them.
func (c *Cluster) String() string { return strings.Join(c.Addrs(), ",") }

// PIDs returns the process id of every node that was started, for those who measure what it uses.
func (c *Cluster) PIDs() []int {
	var pids []int
	for _, n := range c.nodes {
		if n.process != nil {
			pids = append(pids, n.process.PID())
		}
	}
	return pids
}

// StopNode shuts node i down: it hands its leaderships over first.
func (c *Cluster) StopNode(i int) error { return c.nodes[i].stop() }

// KillNode ends node i with SIGKILL.
func (c *Cluster) KillNode(i int) error { return c.nodes[i].kill() }

// FreezeNode stops node i from running, as a machine that hangs does, until ThawNode.
func (c *Cluster) FreezeNode(i int) error { return c.nodes[i].process.Signal(syscall.SIGSTOP) }

// ThawNode lets node i run on after FreezeNode.
func (c *Cluster) ThawNode(i int) error { return c.nodes[i].process.Signal(syscall.SIGCONT) }

// StartNode starts node i again, on its data and its port, and returns when it
// answers requests and the cluster counts it as alive.
func (c *Cluster) StartNode(ctx context.Context, i int) error {
	if err := c.nodes[i].start(ctx); err != nil {
		return fmt.Errorf("start node %d: %w", i, err)
	}
	return c.nodes[i].awaitReady(ctx, 1)
}

// Wait returns nil when the context has ended, or an error as soon as a node ends
// that nobody stopped or killed.
func (c *Cluster) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}

// Close ends all nodes and removes the directory when it was temporary. Nodes that
// keep their directory are shut down, the others killed. It may be called again.
func (c *Cluster) Close() error {
	var errs []error
	if c.temporary == nil {
		errs = append(errs, each(c.nodes, (*node).stop))
	} else {
		errs = append(errs, each(c.nodes, (*node).kill), c.temporary.Remove())
	}
	if c.lock != nil {
		errs = append(errs, c.lock.Release())
	}
	return errors.Join(errs...)
}

// each does the same with all nodes at once and waits for all of them.
func each(nodes []*node, do func(*node) error) error {
	results := make(chan error, len(nodes))
	for _, n := range nodes {
		go func() { results <- do(n) }()
	}
	var errs []error
	for range nodes {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}
