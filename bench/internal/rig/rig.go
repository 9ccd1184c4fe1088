// Package rig runs what is measured: a broker, PostgreSQL, the services as the binaries that they ship as, and the peers,
// each as a process of its own so that its CPU time and memory can be told from the others'.
//
// It promises that servers are set as the product asks for: PostgreSQL with fsync and synchronous_commit on, topics as
// the command-service creates them. What is not needed is not started, and nothing outlives Close.
package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

// Config says how to run it.
type Config struct {
	Embedded bool                             // kfake instead of Apache Kafka
	Say      func(format string, args ...any) // told what takes long
	Profiles string                           // folder for a CPU profile of each turn of a service; "" for none
}

// A Rig is what a run of the benchmark has running. Its methods are called by one goroutine.
type Rig struct {
	cfg  Config
	root string // of the repository
	dir  string // for everything that is written

	broker    string // host:port
	brokerPID int
	apache    *apache.Cluster
	postgres  *embedded.Postgres
	built     map[string]string // programs by their names
	trees     map[string]bool   // working trees of other revisions
	running   []*Process
	names     atomic.Int64
}

// New returns a rig in which nothing runs yet.
func New(cfg Config) (*Rig, error) {
	root, err := Checkout()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "counterfoil-bench-")
	if err != nil {
		return nil, err
	}
	// PostgreSQL does not run as root, and its user has to come through.
	return &Rig{cfg: cfg, root: root, dir: dir, built: map[string]string{}, trees: map[string]bool{}}, os.Chmod(dir, 0o755)
}

// Checkout returns the folder of the repository, which the current one is in.
func Checkout() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "command-service", "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not in a checkout of the repository: the services are built from it", here)
		}
	}
}

// Root returns the folder of the repository.
func (r *Rig) Root() string { return r.root }

// Close ends everything and removes what was written.
func (r *Rig) Close() error {
	var errs []error
	for _, p := range r.running {
		errs = append(errs, p.Stop())
	}
	if r.apache != nil {
		errs = append(errs, r.apache.Close())
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.StopImmediate())
		if r.postgres.Dir() != r.dir {
			errs = append(errs, os.RemoveAll(r.postgres.Dir()))
		}
	}
	return errors.Join(append(errs, r.removeTrees(context.Background()), os.RemoveAll(r.dir))...)
}

// Name returns a name that nothing else of this run has.
func (r *Rig) Name(of string) string { return fmt.Sprintf("%s%d", of, r.names.Add(1)) }

// Broker returns the address of the broker, which is started at first use.
func (r *Rig) Broker(ctx context.Context) (string, error) {
	if r.broker != "" {
		return r.broker, nil
	}
	if r.cfg.Embedded {
		p, err := r.Peer(ctx, "kfake", "--dir", filepath.Join(r.dir, "kfake"))
		if err != nil {
			return "", err
		}
		r.broker, r.brokerPID = p.Address("http"), p.PID()
		return r.broker, nil
	}
	r.cfg.Say("starting Apache Kafka %s", apache.Version)
	cluster, err := apache.Start(ctx, apache.Config{Nodes: 1, Dir: filepath.Join(r.dir, "kafka"), Progress: func(line string) { r.cfg.Say("%s", line) }})
	if err != nil {
		return "", err
	}
	r.apache, r.broker, r.brokerPID = cluster, cluster.String(), cluster.PIDs()[0]
	return r.broker, nil
}

// BrokerName says which broker it is.
func (r *Rig) BrokerName() string {
	if r.cfg.Embedded {
		return "kfake, embedded, synced"
	}
	return "Apache Kafka " + apache.Version + ", one node"
}

// Topic creates a topic as the command-service does and returns its name.
func (r *Rig) Topic(ctx context.Context, of string, partitions int) (string, error) {
	broker, err := r.Broker(ctx)
	if err != nil {
		return "", err
	}
	name := r.Name("bench-" + of + "-")
	_, err = kafka.Config{Brokers: []string{broker}}.EnsureTopic(kafka.TopicSpec{Name: name, Partitions: int32(partitions)})
	return name, err
}
