package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestDev_EverythingAcknowledgedOutlivesItsEnd(t *testing.T) {
	t.Parallel()
	data := filepath.Join(openDir(t), "data")
	first := startDev(t, data)
	requireText(t, first.stdout.String(), "counterfoil is ready\n", first.env["COMMAND_URL"], first.env["QUERY_URL"], first.env["CONSUMER_URL"], first.env["KAFKA_BROKER"])
	requireText(t, first.stderr.String(), "no replicas", "creating a PostgreSQL database")
	if info, err := os.Stat(filepath.Join(data, "env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file env: %v, %v", info, err)
	}
	if got := rows(t, first.env["DB_URL"]); got != 0 {
		t.Errorf("%d rows at first", got)
	}

	refused := execute(t, append([]string{"dev", "--data", data}, freePorts...)...).requireCode(t, 1)
	requireText(t, refused.stderr, fmt.Sprintf("another counterfoil dev (process %d)", first.cmd.Process.Pid), "--data")

	load := startLoad(t, first.env["COMMAND_URL"], 200)
	<-load.enough
	first.signal(t, syscall.SIGKILL)
	first.end(t)
	load.clients.Wait()

	second := startDev(t, data)
	requireRows(t, second.env["QUERY_URL"], load.ids)
	if code := second.stop(t); code != 0 {
		t.Errorf("after SIGINT it exits with %d:\n%s", code, second.stderr)
	}
	requireText(t, second.stderr.String(), "stopping the services", "stopped; everything is kept in "+data)
	if _, err := os.Stat(filepath.Join(data, "env")); !os.IsNotExist(err) {
		t.Errorf("the file env leads to what has stopped: %v", err)
	}

	// The disaster recovery of the seed: everything is deleted, and a new group brings it back.
	third := startDev(t, data, "--log-level=warn")
	before := rows(t, third.env["DB_URL"])
	if before < len(load.ids) {
		t.Errorf("%d rows, %d commands were acknowledged", before, len(load.ids))
	}
	truncate(t, third.env["DB_URL"])
	third.stop(t)
	fourth := startDev(t, data, "--group-id=timestamp-consumer-2")
	requireRows(t, fourth.env["QUERY_URL"], load.ids)
	if after := rows(t, fourth.env["DB_URL"]); after != before {
		t.Errorf("%d rows came back, there were %d", after, before)
	}
	fourth.stop(t)

	fifth := startDev(t, data, "--fresh")
	if got := rows(t, fifth.env["DB_URL"]); got != 0 {
		t.Errorf("%d rows after --fresh", got)
	}
	gone := execute(t, "get", load.ids[0], "--data", data).requireCode(t, 3)
	requireText(t, gone.stdout, "pending")
}

func TestDev_SaysThatItIsReadyAsJSON(t *testing.T) {
	t.Parallel()
	data := filepath.Join(openDir(t), "data")
	d := newDev(t, data, "-o", "json")
	d.await(t, d.stdout, "\n")
	var ready struct {
		Status     string `json:"status"`
		PID        int    `json:"pid"`
		CommandURL string `json:"command_url"`
	}
	if err := json.Unmarshal([]byte(d.stdout.String()), &ready); err != nil || ready.Status != "ready" || ready.PID != d.cmd.Process.Pid {
		t.Fatalf("it says %q, %v", d.stdout, err)
	}

	// Whoever ends a part of it ends all of it.
	pid := postgresPID(t, data)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := d.end(t); code != 1 {
		t.Errorf("without PostgreSQL it exits with %d", code)
	}
	requireText(t, d.stderr.String(), "PostgreSQL has ended by itself", `"exit_code":1`)
}

func TestDev_NamesEveryTakenPortAndStartsNothing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(openDir(t), "data")
	command, database := listen(t), listen(t)
	got := execute(t, "dev", "--data", data, "--query-port=0", "--query-extra-ports=", "--grpc-port=0", "--consumer-port=0", "--broker-port=0",
		fmt.Sprintf("--command-port=%d", command), fmt.Sprintf("--db-port=%d", database)).requireCode(t, 1)
	us := fmt.Sprintf("process %d", os.Getpid())
	requireText(t, got.stderr,
		fmt.Sprintf("port %d (command-service) is taken by %s", command, us), "--command-port changes it",
		fmt.Sprintf("port %d (PostgreSQL) is taken by %s", database, us), "--db-port changes it",
		"nothing was started")
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the data directory is there: %v", err)
	}
}

func TestDev_RefusesADirectoryThatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	data := openDir(t)
	precious := filepath.Join(data, "precious")
	if err := os.WriteFile(precious, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"--fresh"}} {
		got := execute(t, append(append([]string{"dev", "--data", data}, freePorts...), args...)...).requireCode(t, 1)
		requireText(t, got.stderr, "precious", "--data")
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory now holds %v, %v", entries, err)
	}
}

func TestDev_ReportsEveryFaultOfTheEnvironment(t *testing.T) {
	t.Parallel()
	cmd := counterfoil(t, "dev", "--data", filepath.Join(openDir(t), "data"))
	cmd.Env = append(cmd.Env, "ACK_TIMEOUT=soon", "MAX_WAITING=many", "KAFKA_BROKER=elsewhere:9092", "LOG_LEVEL=loud")
	got := finish(t, cmd).requireCode(t, 2)
	requireText(t, got.stderr, "ACK_TIMEOUT", "MAX_WAITING", "LOG_LEVEL", "not used, because dev brings its own: KAFKA_BROKER")
	if n := strings.Count(got.stderr, "LOG_LEVEL"); n != 1 {
		t.Errorf("LOG_LEVEL is named %d times:\n%s", n, got.stderr)
	}
}

func TestDev_ReadsTheDeclarationsBeforeItMakesAnything(t *testing.T) {
	t.Parallel()
	data, declared := filepath.Join(openDir(t), "data"), t.TempDir()
	if err := os.WriteFile(filepath.Join(declared, "trips.yaml"), []byte("name: Trips\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		declared:                          "trips.yaml:1: name",
		filepath.Join(declared, "absent"): "absent: no such file or directory",
	} {
		got := execute(t, append([]string{"dev", "--data", data, "--read-models", dir}, freePorts...)...).requireCode(t, 2)
		requireText(t, got.stderr, want)
		if _, err := os.Stat(data); !os.IsNotExist(err) {
			t.Errorf("the data directory is there: %v", err)
		}
	}
}

// listen takes a free port.
func listen(t *testing.T) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// rows counts the rows of the version that serves, by the name that a person in psql would use.
func rows(t *testing.T, url string) (n int) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(t.Context()) }()
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM timestamp_records`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func truncate(t *testing.T, url string) {
	t.Helper()
	conn := connect(t, url)
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), `TRUNCATE timestamp_records`); err != nil {
		t.Fatal(err)
	}
}

var firstNumber = regexp.MustCompile(`^[0-9]+`)

// postgresPID returns the process of the database in the data directory.
func postgresPID(t *testing.T, data string) (pid int) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(data, "postgres", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(firstNumber.FindString(string(content)), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
