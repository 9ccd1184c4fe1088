package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is and as whom to connect.
type Config struct {
	URL      string `envconfig:"DB_URL" default:"postgres://localhost:5432/counterfoil" secret:"true" desc:"PostgreSQL URL, postgres://host:port/database?sslmode=…; it may hold user and password"`
	Username string `envconfig:"DB_USERNAME" desc:"role to connect as; overrides the one in DB_URL"`
	Password string `envconfig:"DB_PASSWORD" secret:"true" desc:"password of that role; overrides the one in DB_URL"`
	MaxConns int32  `envconfig:"DB_MAX_CONNS" default:"16" desc:"largest number of connections that this process opens"`

	StatementLimit time.Duration // after which the server gives a statement up; the constant's where the caller set none
}

// Limits of every connection. Statements are bounded by the server, so that a lost client leaves nothing running.
const (
	connectTimeout = 5 * time.Second
	pingTimeout    = 2 * time.Second
	StatementLimit = 30 * time.Second
	// A client that stands still in mid transaction, or whose machine is gone, holds the checkpoint of its partition for so
	// long, and whoever took the partition over waits. Nobody computes for that long between two statements.
	idleTransaction = 5 * time.Second
)

// Validate reports what is wrong with the settings.
func (c Config) Validate() error {
	var faults []error
	if _, err := c.parse(); err != nil {
		faults = append(faults, err)
	}
	if c.MaxConns < 2 {
		faults = append(faults, fmt.Errorf("DB_MAX_CONNS is %d; at least 2 are needed", c.MaxConns))
	}
	return errors.Join(faults...)
}

// As returns the same database as another role. An empty username keeps the role.
func (c Config) As(username, password string) Config {
	if username != "" {
		c.Username, c.Password = username, password
	}
	return c
}

func (c Config) parse() (*pgxpool.Config, error) {
	parsed, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		// The error of pgx may repeat the URL, which may hold a password.
		return nil, errors.New("DB_URL is not a PostgreSQL URL; write postgres://host:5432/database")
	}
	if c.Username != "" {
		parsed.ConnConfig.User = c.Username
	}
	if c.Password != "" {
		parsed.ConnConfig.Password = c.Password
	}
	return parsed, nil
}

// ConnConfig returns the settings of a single connection, for those that cannot come from a pool.
func (c Config) ConnConfig(name string) (*pgx.ConnConfig, error) {
	parsed, err := c.pool(name)
	if err != nil {
		return nil, err
	}
	return parsed.ConnConfig, nil
}

func (c Config) pool(name string) (*pgxpool.Config, error) {
	parsed, err := c.parse()
	if err != nil {
		return nil, err
	}
	parsed.MaxConns = max(c.MaxConns, 2)
	parsed.MaxConnLifetimeJitter = 10 * time.Minute
	parsed.PingTimeout = pingTimeout
	parsed.ConnConfig.ConnectTimeout = connectTimeout
	params := parsed.ConnConfig.RuntimeParams
	params["application_name"] = name
	params["timezone"] = "UTC"
	params["statement_timeout"] = strconv.FormatInt(cmp.Or(c.StatementLimit, StatementLimit).Milliseconds(), 10)
	params["idle_in_transaction_session_timeout"] = idleTransaction.String()
	return parsed, nil
}

// Address returns host, port, database and role for a log line: everything but secrets.
func (c Config) Address() slog.Attr {
	parsed, err := c.parse()
	if err != nil {
		return slog.String("database", "unreadable")
	}
	cc := parsed.ConnConfig
	return slog.Group("database", "host", cc.Host, "port", cc.Port, "name", cc.Database, "role", cc.User)
}
