package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/shared/embedded"
)

func TestPostgres_KeepsEverythingWhenItStartsAgain(t *testing.T) {
	dir := openDir(t)
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	execute(t, server.URL("postgres"), `CREATE TABLE kept (n int)`)
	port := server.Port()
	for _, again := range []struct {
		name string
		stop func() error
		port int
	}{
		{"stopped, on the same port", func() error { return server.Stop(t.Context()) }, port},
		{"stopped at once, on another port", func() error { return server.StopImmediate() }, 0},
		{"stopped twice", func() error { return errors.Join(server.Stop(t.Context()), server.Stop(t.Context())) }, 0},
	} {
		execute(t, server.URL("postgres"), `INSERT INTO kept VALUES (1)`)
		if err := again.stop(); err != nil {
			t.Fatalf("%s: %v", again.name, err)
		}
		if err := server.Err(); err != nil {
			t.Errorf("%s: ended with %v", again.name, err)
		}
		server = startPostgres(t, embedded.PostgresConfig{Dir: dir, Port: again.port})
	}
	if got := query(t, server.URL("postgres"), `SELECT count(*)::text FROM kept`); got != "3" {
		t.Errorf("%s rows, want 3", got)
	}
}

func TestPostgres_IsOnlyReachableByPasswordOnLoopback(t *testing.T) {
	server := startPostgres(t, embedded.PostgresConfig{Dir: openDir(t)})
	for setting, want := range map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"server_encoding":         "UTF8",
		"password_encryption":     "scram-sha-256",
	} {
		if got := query(t, server.URL("postgres"), `SELECT current_setting($1)`, setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	guess := strings.Replace(server.URL("postgres"), "postgres:", "postgres:x", 2)
	conn, err := pgx.Connect(t.Context(), guess)
	if err == nil {
		conn.Close(t.Context())
		t.Error("it takes any password")
	}
	info, err := os.Stat(filepath.Join(server.Dir(), "password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v, %v", info.Mode(), err)
	}
}

func TestPostgres_StopDoesNotWaitForSessionsForEver(t *testing.T) {
	server := startPostgres(t, embedded.PostgresConfig{Dir: openDir(t)})
	connect(t, server.URL("postgres")) // stays open
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	server = startPostgres(t, embedded.PostgresConfig{Dir: openDir(t)})
	ended, end := context.WithCancel(t.Context())
	end()
	if err := server.Stop(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-server.Done()
}

func TestPostgres_SaysWhenTheServerDiesAndStartsAgain(t *testing.T) {
	dir := openDir(t)
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	execute(t, server.URL("postgres"), `CREATE TABLE kept (n int)`)
	session := connect(t, server.URL("postgres"))
	sleeping := make(chan struct{})
	go func() { // a session that has to notice by itself
		defer close(sleeping)
		session.Exec(t.Context(), `SELECT pg_sleep(600)`)
	}()
	t.Cleanup(func() { <-sleeping })
	if err := syscall.Kill(serverPID(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Done()
	if err := server.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("got %v", err)
	}
	again := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	if got := query(t, again.URL("postgres"), `SELECT count(*)::text FROM kept`); got != "0" {
		t.Errorf("%s rows", got)
	}
}

func TestPostgres_StartsWhileASessionOfADeadServerStillComputes(t *testing.T) {
	dir := openDir(t)
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	session := connect(t, server.URL("postgres"))
	started := make(chan struct{})
	computing := make(chan struct{})
	go func() {
		defer close(computing)
		close(started)
		// It looks at nothing but its own work, so it does not notice that its server died.
		session.Exec(t.Context(), `DO $$ BEGIN FOR i IN 1..2000000000 LOOP END LOOP; END $$`)
	}()
	t.Cleanup(func() { <-computing })
	<-started
	eventually(t, "the session computes", func() bool {
		return query(t, server.URL("postgres"), `SELECT count(*)::text FROM pg_stat_activity WHERE query LIKE 'DO%' AND state = 'active'`) == "1"
	})
	if err := syscall.Kill(serverPID(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-server.Done()
	startPostgres(t, embedded.PostgresConfig{Dir: dir})
}

func TestPostgres_DiesWithItsParentAndStartsAgain(t *testing.T) {
	dir := openDir(t)
	var port int
	for run := range 2 {
		url, kill := startHost(t, "postgres", dir)
		execute(t, url, `CREATE TABLE IF NOT EXISTS kept (n int)`)
		execute(t, url, `INSERT INTO kept VALUES (1)`)
		pid := serverPID(t, dir)
		kill()
		port = portOfURL(t, url)
		if run == 0 {
			eventually(t, "the server ends", func() bool { return !alive(pid) })
		} // else the next start meets a server that may still be ending
	}
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir, Port: port})
	if got := query(t, server.URL("postgres"), `SELECT count(*)::text FROM kept`); got != "2" {
		t.Errorf("%s rows, want 2", got)
	}
}

func TestPostgres_StopsAServerThatLostItsParent(t *testing.T) {
	dir := openDir(t)
	first := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", serverPID(t, dir)))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The same server, but not started by us.
	line := strings.Split(strings.TrimSuffix(string(args), "\x00"), "\x00")
	stranger := exec.Command(line[0], line[1:]...)
	stranger.Dir = dir
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t, filepath.Join(dir, "data"))}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	t.Cleanup(func() { stranger.Process.Kill() })
	eventually(t, "the stranger runs", func() bool {
		conn, err := pgx.Connect(t.Context(), first.URL("postgres"))
		if err == nil {
			conn.Close(t.Context())
		}
		return err == nil
	})

	var said []string
	startPostgres(t, embedded.PostgresConfig{Dir: dir, Progress: func(line string) { said = append(said, line) }})
	if err := <-ended; err != nil {
		t.Errorf("the stranger ended with %v, want a fast shutdown", err)
	}
	if !strings.Contains(strings.Join(said, "\n"), strconv.Itoa(stranger.Process.Pid)) {
		t.Errorf("said %q", said)
	}
}

func TestPostgres_StartsWhenItsPidBelongsToAnotherProcess(t *testing.T) {
	dir := openDir(t)
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	content, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	// After a reboot: the file is there, and its number is some other process of the same user.
	other := exec.Command("sleep", "600")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: owner(t, filepath.Join(dir, "data"))}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		other.Process.Kill()
		if other.Wait(); !strings.Contains(other.ProcessState.String(), "killed") {
			t.Errorf("the other process ended with %s", other.ProcessState)
		}
	})
	_, rest, _ := strings.Cut(string(content), "\n")
	if err := os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o644); err != nil {
		t.Fatal(err)
	}
	startPostgres(t, embedded.PostgresConfig{Dir: dir})
}

func TestPostgres_FailsOnATakenPortAndNamesIt(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: openDir(t), Port: port})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("port %d", port)) {
		t.Fatalf("got %v", err)
	}
}

func TestPostgres_OneProcessPerDirectory(t *testing.T) {
	dir := openDir(t)
	startPostgres(t, embedded.PostgresConfig{Dir: dir})
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v", err)
	}
}

func TestPostgres_AStartThatIsGivenUpLeavesNothingRunning(t *testing.T) {
	dir := openDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: dir, Progress: func(string) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	startPostgres(t, embedded.PostgresConfig{Dir: dir}) // neither locked nor half made
}

func TestPostgres_RefusesWithAWayOut(t *testing.T) {
	dir := openDir(t)
	server := startPostgres(t, embedded.PostgresConfig{Dir: dir})
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "password")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  embedded.PostgresConfig
		want string
	}{
		"no directory":        {embedded.PostgresConfig{}, "no directory"},
		"no programs there":   {embedded.PostgresConfig{Dir: openDir(t), BinDir: t.TempDir()}, "initdb"},
		"a lost password":     {embedded.PostgresConfig{Dir: dir}, "password"},
		"a file as directory": {embedded.PostgresConfig{Dir: filepath.Join(dir, "server.log")}, "not a directory"},
	} {
		_, err := embedded.StartPostgres(t.Context(), c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func startPostgres(t *testing.T, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	server, err := embedded.StartPostgres(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.StopImmediate(); err != nil {
			t.Error(err)
		}
	})
	return server
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, url, sql string, args ...any) (text string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

func portOfURL(t *testing.T, address string) int {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return portOf(t, parsed.Host)
}

func serverPID(t *testing.T, dir string) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// owner returns the credential of the path's owner, nil when that is who runs the test.
func owner(t *testing.T, path string) *syscall.Credential {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	if int(stat.Uid) == os.Geteuid() {
		return nil
	}
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	for !is() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
