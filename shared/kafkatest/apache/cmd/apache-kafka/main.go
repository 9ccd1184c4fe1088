// Command apache-kafka runs real Apache Kafka until it is told to end, or for as
// long as another command runs:
//
//	go run ./shared/kafkatest/apache/cmd/apache-kafka -port 19092
//	go run ./shared/kafkatest/apache/cmd/apache-kafka -nodes 3 -exec go test ./...
//
// Once it answers requests it prints KAFKA_BROKER=host:port,… on standard output.
// With -exec it starts the rest of the command line with TEST_KAFKA_BROKER set and
// exits with that command's code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apache-kafka:", err)
		code = 1
	}
	os.Exit(code)
}

func run() (code int, err error) {
	nodes := flag.Int("nodes", 1, "number of nodes, 1 or 3")
	port := flag.Int("port", 0, "port of the first node, the others follow; 0: free ones")
	dir := flag.String("dir", "", "directory that keeps the records; empty: a temporary one")
	patience := flag.Duration("timeout", 5*time.Minute, "how long the start may take, with the first run's download")
	execute := flag.Bool("exec", false, "run the rest of the command line with TEST_KAFKA_BROKER set, then end with its code")
	flag.Parse()
	if *execute != (flag.NArg() > 0) {
		return 2, errors.New("-exec comes last, with a command after it: -exec go test ./...")
	}
	if *execute {
		if _, err := exec.LookPath(flag.Arg(0)); err != nil {
			return 1, err
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	// After the first signal the second one ends the process, and the nodes with it.
	context.AfterFunc(ctx, cancel)

	starting, started := context.WithTimeout(ctx, *patience)
	defer started()
	cluster, err := apache.Start(starting, apache.Config{
		Nodes: *nodes, Port: *port, Dir: *dir,
		Log:      slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Progress: func(line string) { fmt.Fprintln(os.Stderr, line) },
	})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Close()) }()
	if *execute {
		return runWith(ctx, cluster, flag.Args())
	}
	fmt.Printf("KAFKA_BROKER=%s\n", cluster)
	return 0, cluster.Wait(ctx)
}

// runWith runs a command against the cluster and returns its exit code, 128 + the
// signal's number when a signal ended it.
func runWith(ctx context.Context, cluster *apache.Cluster, args []string) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEST_KAFKA_BROKER="+cluster.String())
	// It decides itself how long its end takes.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return 1, err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
