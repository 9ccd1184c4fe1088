package queryservice

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/counterfoil/counterfoil/query-service/internal/catalog"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/telemetry"
)

// Config is what the environment says; query-service --help lists it.
type Config struct {
	ServerPort int           `envconfig:"SERVER_PORT" default:"7081" desc:"port of the API and of /health, /livez and /readyz; 0 takes a free one"`
	ExtraPorts []int         `envconfig:"SERVER_EXTRA_PORTS" default:"7082" desc:"further ports with the same answers, separated by commas; may be empty"`
	GRPCPort   int           `envconfig:"GRPC_PORT" default:"7090" desc:"port of the gRPC services; 0 takes a free one"`
	AdminPort  int           `envconfig:"ADMIN_PORT" default:"7181" desc:"port of /metrics and /debug/pprof; keep it private"`
	LogLevel   slog.Level    `envconfig:"LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	DrainDelay time.Duration `envconfig:"DRAIN_DELAY" default:"0s" desc:"how long to go on after readiness is gone, when stopping"`

	QueryTimeout time.Duration `envconfig:"QUERY_TIMEOUT" default:"5s" desc:"after which a query is given up and its requests are answered 503; at most 10s"`
	MaxWaiting   int           `envconfig:"MAX_WAITING" default:"4096" desc:"most requests that wait at the same time; one more is answered 503 at once"`

	Pins       catalog.Pins `envconfig:"READ_MODEL_PINS" desc:"versions that unscoped paths answer from instead of the serving ones, such as trips=2,zones=latest; latest is the newest that is kept current"`
	LargeTable int64        `envconfig:"LARGE_TABLE_ROWS" default:"100000" desc:"rows from which on a filter or an order needs a declared index"`
	MaxQueries int          `envconfig:"MAX_QUERIES" default:"8" desc:"most lists, counts and queries that run at the same time; others wait for them"`

	Database postgres.Config

	// Listeners that the caller opened, used instead of the ports where they are set.
	Listener       net.Listener
	ExtraListeners []net.Listener
	GRPCListener   net.Listener
	AdminListener  net.Listener

	ParkAfter time.Duration // for how long a request that waits keeps its handler; 100 ms where it is 0
	LogOutput io.Writer     // os.Stdout where it is nil
}

// maxQueryTimeout leaves room for the longest wait and two queries within the time that web.Server gives an answer.
const maxQueryTimeout = 10 * time.Second

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	faults := []error{c.Database.Validate(), validPort("SERVER_PORT", c.ServerPort), validPort("ADMIN_PORT", c.AdminPort), validPort("GRPC_PORT", c.GRPCPort)}
	for _, port := range c.ExtraPorts {
		faults = append(faults, validPort("SERVER_EXTRA_PORTS", port))
	}
	if c.QueryTimeout < 10*time.Millisecond || c.QueryTimeout > maxQueryTimeout {
		faults = append(faults, fmt.Errorf("QUERY_TIMEOUT is %s; it goes from 10ms to %s", c.QueryTimeout, maxQueryTimeout))
	}
	if c.MaxWaiting < 1 {
		faults = append(faults, fmt.Errorf("MAX_WAITING is %d; it must be at least 1", c.MaxWaiting))
	}
	if c.LargeTable < 1 {
		faults = append(faults, fmt.Errorf("LARGE_TABLE_ROWS is %d; it must be at least 1", c.LargeTable))
	}
	if c.MaxQueries < 1 || c.MaxQueries >= int(c.Database.MaxConns) && c.Database.MaxConns > 0 {
		faults = append(faults, fmt.Errorf("MAX_QUERIES is %d; it goes from 1 to one less than DB_MAX_CONNS, so that look-ups find a connection", c.MaxQueries))
	}
	if c.DrainDelay < 0 {
		faults = append(faults, fmt.Errorf("DRAIN_DELAY is %s; it cannot be negative", c.DrainDelay))
	}
	return errors.Join(faults...)
}

func validPort(name string, port int) error {
	if port < 0 || port > 65535 {
		return fmt.Errorf("%s has %d; ports go from 0 to 65535", name, port)
	}
	return nil
}

// withDefaults fills what a caller who did not read the environment left at zero and what must not be zero.
func (c Config) withDefaults() Config {
	c.QueryTimeout = cmp.Or(c.QueryTimeout, 5*time.Second)
	c.MaxWaiting = cmp.Or(c.MaxWaiting, 4096)
	c.LargeTable = cmp.Or(c.LargeTable, 100_000)
	c.MaxQueries = cmp.Or(c.MaxQueries, 8)
	c.ParkAfter = cmp.Or(c.ParkAfter, 100*time.Millisecond)
	c.Database.MaxConns = cmp.Or(c.Database.MaxConns, 16)
	// So that a statement that is too slow is told from a server that does not answer. What is left is for the way there.
	c.Database.StatementLimit = c.QueryTimeout * 4 / 5
	c.LogOutput = cmp.Or[io.Writer](c.LogOutput, telemetry.Stdout)
	return c
}
