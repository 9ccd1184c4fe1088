package queryservice_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/service"
)

func TestConfig_DefaultsOfTheEnvironmentAreValid(t *testing.T) {
	var cfg queryservice.Config
	if err := service.FromEnvironment(&cfg); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.ServerPort != 7081 || !slices.Equal(cfg.ExtraPorts, []int{7082}) || cfg.AdminPort != 7181 ||
		cfg.QueryTimeout != 5*time.Second || cfg.MaxWaiting != 4096 || cfg.Database.MaxConns != 16 {
		t.Errorf("got %+v", cfg)
	}
	t.Setenv("SERVER_EXTRA_PORTS", "")
	if err := service.FromEnvironment(&cfg); err != nil || len(cfg.ExtraPorts) != 0 {
		t.Errorf("got %v, error %v", cfg.ExtraPorts, err)
	}
}

func TestConfig_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	cfg := queryservice.Config{ServerPort: -1, ExtraPorts: []int{70_000}, AdminPort: 65_536, DrainDelay: -time.Second, QueryTimeout: time.Minute}
	cfg.Database.URL = "nonsense://"
	err := cfg.Validate()
	if err == nil {
		t.Fatal("it is valid")
	}
	for _, name := range []string{"SERVER_PORT", "SERVER_EXTRA_PORTS", "ADMIN_PORT", "DRAIN_DELAY", "QUERY_TIMEOUT", "MAX_WAITING", "DB_URL", "DB_MAX_CONNS"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in: %v", name, err)
		}
	}
}

func TestPorts_AllGiveTheSameAnswers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.insert(row{known, noon})
	var second string
	s := start(t, db, func(cfg *queryservice.Config) {
		listener, url := listen(t)
		cfg.ExtraListeners, second = append(cfg.ExtraListeners, listener), url
	})
	first := s.get("/api/v1/timestamp/" + known)
	s.url = second
	if a := s.get("/api/v1/timestamp/" + known); a.status != http.StatusOK || a.body != first.body {
		t.Errorf("got %s and %s", first, a)
	}
	if lines := s.logs.lines(`"msg":"listening","service":"query-service","part":"http"`); len(lines) != 2 {
		t.Errorf("the log tells of %d ports", len(lines))
	}
}

func TestPorts_ZeroTakesAFreeOneAndTellsWhich(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	s := launch(t, db.ReaderURL, func(cfg *queryservice.Config) {
		_ = cfg.Listener.Close()
		_ = cfg.AdminListener.Close()
		cfg.Listener, cfg.AdminListener, cfg.ExtraPorts = nil, nil, []int{0}
	})
	var all []map[string]any
	eventually(t, "all ports are told", func() bool {
		all = s.logs.lines(`"msg":"listening","service":"query-service","part"`)
		return len(all) == 4
	})
	for _, line := range all {
		if line["part"] == "grpc" {
			continue
		}
		_, port, _ := strings.Cut(strings.TrimPrefix(line["address"].(string), "[::]"), ":")
		if line["part"] == "admin" {
			continue
		}
		s.url = "http://127.0.0.1:" + port
		if a := s.get("/health"); a.body != `{"status":"UP"}`+"\n" {
			t.Errorf("%v: got %s", line, a)
		}
	}
}

func TestPorts_TakenOneIsNamed(t *testing.T) {
	t.Parallel()
	taken, address := listen(t)
	defer taken.Close()
	port := address[strings.LastIndex(address, ":")+1:]
	s := launch(t, unreachable(t), func(cfg *queryservice.Config) {
		for _, digit := range port {
			cfg.ServerPort = cfg.ServerPort*10 + int(digit-'0')
		}
		_ = cfg.Listener.Close()
		cfg.Listener = nil
		_ = cfg.AdminListener.Close()
	})
	if err := s.requireRefusal(); !strings.Contains(err, "port "+port) {
		t.Errorf("got %s", err)
	}
}
