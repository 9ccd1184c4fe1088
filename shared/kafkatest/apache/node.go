package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
)

type nodeConfig struct {
	java, jars, clusterID string
	dir                   string
	log                   *slog.Logger
	failed                chan<- error // told about an end that nobody asked for
}

// A node is one process that is broker and controller.
type node struct {
	nodeConfig
	index int
	ports ports

	process *child.Process // nil until it has been started
	asked   func()         // says that the process's end is asked for
	watched chan struct{}  // closed when the process's end has been noted
}

func newNode(index int, ports ports, cfg nodeConfig) *node {
	return &node{nodeConfig: cfg, index: index, ports: ports}
}

func (n *node) id() int      { return n.index + 1 }
func (n *node) addr() string { return "127.0.0.1:" + strconv.Itoa(n.ports.broker[n.index]) }

func (n *node) logFile() string    { return filepath.Join(n.dir, "server.log") }
func (n *node) properties() string { return filepath.Join(n.dir, "server.properties") }
func (n *node) logConfig() string  { return filepath.Join(n.dir, "log4j2.properties") }

// start formats the node's directory if it is new and starts the process.
func (n *node) start(ctx context.Context) error {
	if n.running() {
		return fmt.Errorf("node %d runs already", n.index)
	}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	properties := strings.Join(n.settings(), "\n") + "\n"
	if err := errors.Join(
		os.WriteFile(n.properties(), []byte(properties), 0o644),
		os.WriteFile(n.logConfig(), []byte(log4j), 0o644),
	); err != nil {
		return err
	}
	format := n.command("-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", "format",
		"--ignore-formatted", "--cluster-id", n.clusterID, "--config", n.properties())
	if err := n.format(ctx, format); err != nil {
		return err
	}
	// Appending, because a test that fails after a restart needs to see both lives.
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	heap := "512m"
	if len(n.ports.broker) > 1 {
		heap = "320m"
	}
	// The collector settings are those of the scripts that come with Kafka.
	cmd := n.command("-Xms"+heap, "-Xmx"+heap, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExitOnOutOfMemoryError", "kafka.Kafka", n.properties())
	cmd.Stdout, cmd.Stderr = log, log
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	n.process = process
	n.watch()
	n.log.Info("apache kafka node started", "node", n.index, "addr", n.addr(), "dir", n.dir)
	return nil
}

// command prepares a java command. The options and the class follow it.
func (n *node) command(args ...string) *exec.Cmd {
	args = append([]string{"-cp", filepath.Join(n.jars, "*"), "-Dlog4j2.configurationFile=" + n.logConfig()}, args...)
	cmd := exec.Command(n.java, args...)
	cmd.Dir = n.dir
	return cmd
}

func (n *node) format(ctx context.Context, cmd *exec.Cmd) error {
	if _, err := os.Stat(filepath.Join(n.dir, "data", "meta.properties")); err == nil {
		return nil
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	process, err := child.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-process.Done():
	case <-ctx.Done():
		process.Signal(syscall.SIGKILL)
		<-process.Done()
	}
	if err := errors.Join(ctx.Err(), process.Err()); err != nil {
		return fmt.Errorf("format node %d: %w\n%s", n.index, err, output.Bytes())
	}
	return nil
}

// watch waits for the process's end and reports it when nobody asked for it.
func (n *node) watch() {
	asked := make(chan struct{})
	n.asked = sync.OnceFunc(func() { close(asked) })
	n.watched = make(chan struct{})
	process, watched := n.process, n.watched
	go func() {
		defer close(watched)
		err := process.Err()
		select {
		case <-asked:
			return
		default:
		}
		select {
		case n.failed <- fmt.Errorf("node %d ended by itself: %v\n%s", n.index, err, n.logTail()):
		default: // the first failure is the one that matters
		}
	}()
}

func (n *node) running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.process.Done():
		return false
	default:
		return true
	}
}

// stop shuts the process down. A node of a cluster that has lost its quorum has
// nobody to hand over to and would wait for ever, so patience ends.
func (n *node) stop() error {
	if n.process == nil {
		return nil
	}
	n.asked()
	if err := n.process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop node %d: %w", n.index, err)
	}
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case <-n.watched:
		n.log.Info("apache kafka node stopped", "node", n.index)
		return nil
	case <-patience.C:
		return n.kill()
	}
}

func (n *node) kill() error {
	if n.process == nil {
		return nil
	}
	n.asked()
	if err := n.process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill node %d: %w", n.index, err)
	}
	<-n.watched
	n.log.Info("apache kafka node killed", "node", n.index)
	return nil
}

// logTail returns the last lines that the node wrote.
func (n *node) logTail() string {
	content, err := os.ReadFile(n.logFile())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}
