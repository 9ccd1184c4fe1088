package rig

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/child"
	"github.com/counterfoil/counterfoil/shared/embedded"
)

// The environment of a test process that is a broker.
const (
	brokerDir        = "COUNTERFOIL_FAULTS_BROKER_DIR"
	brokerPort       = "COUNTERFOIL_FAULTS_BROKER_PORT"
	brokerAdvertised = "COUNTERFOIL_FAULTS_BROKER_ADVERTISED"
)

// BeBroker makes this process a broker and does not return, if its environment says so. TestMain calls it first.
func BeBroker() {
	if os.Getenv(brokerDir) == "" {
		return
	}
	if err := beBroker(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// beBroker runs a broker that carries out the faults whose names it is told, one in a line, until there are no more lines.
func beBroker() error {
	port, err := strconv.Atoi(os.Getenv(brokerPort))
	if err != nil {
		return err
	}
	advertised, err := strconv.Atoi(os.Getenv(brokerAdvertised))
	if err != nil {
		return err
	}
	broker, err := embedded.StartBroker(embedded.BrokerConfig{Dir: os.Getenv(brokerDir), Port: port, AdvertisedPort: advertised})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		name, topic, _ := strings.Cut(lines.Text(), "\t")
		fault, there := BrokerFaults[name]
		if !there {
			return fmt.Errorf("there is no fault %q", name)
		}
		fault(broker.Cluster(), topic)
		fmt.Println("ready")
	}
	return broker.Close()
}

// A Broker is a broker in a process of its own, which can be killed and started again on the same records.
type Broker struct {
	Port int // where it listens; clients come to the proxy

	t          testing.TB
	dir        string
	advertised int
	process    *child.Process
	frozen     bool
	orders     *os.File
	answers    *bufio.Scanner
}

func newBroker(t testing.TB, dir string, advertised int) *Broker {
	t.Helper()
	b := &Broker{Port: freePort(t), t: t, dir: dir, advertised: advertised}
	b.Start()
	t.Cleanup(b.Kill)
	return b
}

// Start starts the broker and returns when it answers.
func (b *Broker) Start() {
	b.t.Helper()
	program, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), brokerDir+"="+b.dir, brokerPort+"="+strconv.Itoa(b.Port),
		brokerAdvertised+"="+strconv.Itoa(b.advertised), "GOMAXPROCS=2")
	cmd.Stderr = os.Stderr
	orders, ours, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	answers, theirs, err := os.Pipe()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout = orders, theirs
	b.process, err = child.Start(cmd, syscall.SIGKILL)
	_, _ = orders.Close(), theirs.Close()
	if err != nil {
		b.t.Fatal(err)
	}
	b.orders, b.answers = ours, bufio.NewScanner(answers)
	b.await("start")
}

// await waits for the broker to say that it is ready.
func (b *Broker) await(what string) {
	b.t.Helper()
	for b.answers.Scan() {
		if b.answers.Text() == "ready" {
			return
		}
	}
	<-b.process.Done()
	b.t.Fatalf("the broker ended at %q: %v", what, b.process.Err())
}

// Fault has the broker carry out one of BrokerFaults.
func (b *Broker) Fault(name, topic string) {
	b.t.Helper()
	if _, err := fmt.Fprintf(b.orders, "%s\t%s\n", name, topic); err != nil {
		b.t.Fatalf("the broker takes no orders: %v", err)
	}
	b.await(name)
}

// Kill ends the broker with SIGKILL. It may be called again.
func (b *Broker) Kill() {
	b.frozen = false
	_ = b.process.Signal(syscall.SIGKILL)
	<-b.process.Done()
	_ = b.orders.Close()
}

// Freeze stops the broker from running until Thaw.
func (b *Broker) Freeze() {
	_ = b.process.Signal(syscall.SIGSTOP)
	b.frozen = true
}

// Thaw lets the broker run on.
func (b *Broker) Thaw() {
	_ = b.process.Signal(syscall.SIGCONT)
	b.frozen = false
}

// Frozen reports whether the broker was stopped by Freeze.
func (b *Broker) Frozen() bool { return b.frozen }

// Running reports whether the broker has not ended.
func (b *Broker) Running() bool {
	select {
	case <-b.process.Done():
		return false
	default:
		return true
	}
}

func (b *Broker) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.Port)) }

// freePort returns a port that stays free while its server is away.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := embedded.StablePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// short is for what is expected to be there at once.
const short = 5 * time.Second
