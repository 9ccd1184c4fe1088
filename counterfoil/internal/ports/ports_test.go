package ports_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/counterfoil/internal/ports"
)

const host = "127.0.0.1"

func listen(t *testing.T) (net.Listener, int) {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener, listener.Addr().(*net.TCPAddr).Port
}

func TestOpen_NamesEveryTakenPortWithItsHolder(t *testing.T) {
	t.Parallel()
	_, first := listen(t)
	_, second := listen(t)
	_, err := ports.Open(t.Context(),
		ports.Wanted{Name: "one", Flag: "--one", Host: host, Port: first},
		ports.Wanted{Name: "free", Flag: "--free", Host: host},
		ports.Wanted{Name: "two", Flag: "--two", Host: host, Port: second})
	if err == nil {
		t.Fatal("taken ports were opened")
	}
	for _, want := range []string{
		fmt.Sprintf("port %d (one) is taken by process %d (", first, os.Getpid()), "--one changes it",
		fmt.Sprintf("port %d (two) is taken by process %d (", second, os.Getpid()), "--two changes it",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("there is no %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "free") {
		t.Errorf("a free port is named:\n%v", err)
	}
}

func TestOpen_NamesAPortThatIsAskedForTwice(t *testing.T) {
	t.Parallel()
	listener, port := listen(t)
	_ = listener.Close()
	_, err := ports.Open(t.Context(),
		ports.Wanted{Name: "one", Flag: "--one", Host: host, Port: port},
		ports.Wanted{Name: "two", Flag: "--two", Host: host, Port: port})
	if err == nil || !strings.Contains(err.Error(), "(two) is taken by one (--one)") {
		t.Errorf("got %v", err)
	}
	again, err := ports.Open(t.Context(), ports.Wanted{Host: host, Port: port})
	if err != nil {
		t.Fatalf("a failure left the port open: %v", err)
	}
	_ = again[0].Close()
}

func TestOpen_SaysWhyAPortCannotBeHad(t *testing.T) {
	t.Parallel()
	_, err := ports.Open(t.Context(), ports.Wanted{Name: "far", Flag: "--host", Host: "192.0.2.1", Port: 7})
	if err == nil || !strings.Contains(err.Error(), "cannot be opened") {
		t.Errorf("got %v", err)
	}
}
