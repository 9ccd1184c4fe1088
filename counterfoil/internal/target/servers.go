package target

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// FindBroker returns the brokers to connect to first.
func (f *Finder) FindBroker(flag string) (kafka.Config, Target, error) {
	t := f.Find(Broker, flag)
	cfg := kafka.Config{Brokers: strings.Split(t.Value, ",")}
	if err := cfg.Validate(); err != nil {
		return cfg, t, exit.With(exit.Usage, fmt.Errorf("%w (%s)", err, t.from))
	}
	return cfg, t, nil
}

// FindDatabase returns how to connect to the database. The file of `counterfoil dev` names user and password itself; to
// every other place DB_USERNAME and DB_PASSWORD apply, also as DB_PASSWORD_FILE and DB_URL_FILE, as in the services.
func (f *Finder) FindDatabase(flag string) (postgres.Config, Target, error) {
	t := f.Find(Database, flag)
	if file := f.getenv("DB_URL_FILE"); file != "" && t.Origin > FromEnvironment {
		content, err := os.ReadFile(file)
		if err != nil {
			return postgres.Config{}, t, exit.With(exit.Usage, fmt.Errorf("DB_URL_FILE: %w", err))
		}
		t = Target{Database, strings.TrimSpace(string(content)), FromEnvironment, "DB_URL_FILE of the environment"}
	}
	cfg := postgres.Config{URL: t.Value, MaxConns: 2}
	if t.Origin != FromFile {
		cfg.Username, cfg.Password = f.getenv("DB_USERNAME"), f.getenv("DB_PASSWORD")
		if file := f.getenv("DB_PASSWORD_FILE"); file != "" && cfg.Password == "" {
			content, err := os.ReadFile(file)
			if err != nil {
				return cfg, t, exit.With(exit.Usage, fmt.Errorf("DB_PASSWORD_FILE: %w", err))
			}
			cfg.Password = strings.TrimRight(string(content), "\r\n")
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, t, exit.With(exit.Usage, fmt.Errorf("%w (%s)", err, t.from))
	}
	return cfg, t, nil
}

// OpenBroker connects to the brokers. The caller closes the connection.
func (f *Finder) OpenBroker(flag string) (*kafka.Admin, Target, error) {
	cfg, t, err := f.FindBroker(flag)
	if err != nil {
		return nil, t, err
	}
	admin, err := cfg.OpenAdmin()
	if err != nil {
		return nil, t, fmt.Errorf("Kafka at %s: %w; %s", t.Value, err, t.Hint())
	}
	return admin, t, nil
}

// OpenDatabase connects to the database, and cannot change anything there. The caller closes the pool. The returned
// target's value says where the database is without the secrets of its URL.
func (f *Finder) OpenDatabase(ctx context.Context, flag string) (*postgres.Pool, Target, error) {
	cfg, t, err := f.FindDatabase(flag)
	if err != nil {
		return nil, t, err
	}
	t.Value = place(cfg)
	pool, err := postgres.Connect(ctx, cfg, "counterfoil-cli", true)
	if err != nil {
		return nil, t, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, t, fmt.Errorf("PostgreSQL at %s: %w; %s", t.Value, oneLine{err}, t.Hint())
	}
	return pool, t, nil
}

// OpenOwner connects as the owner of the database, who may change versions: DB_OWNER_USERNAME and DB_OWNER_PASSWORD, as in
// the consumer-service, override the role. The name is shown to other operators. The caller closes the connection.
func (f *Finder) OpenOwner(ctx context.Context, flag, name string) (*postgres.Conn, postgres.Config, error) {
	cfg, t, err := f.FindDatabase(flag)
	if err != nil {
		return nil, cfg, err
	}
	if t.Origin != FromFile {
		cfg = cfg.As(f.getenv("DB_OWNER_USERNAME"), f.getenv("DB_OWNER_PASSWORD"))
		if file := f.getenv("DB_OWNER_PASSWORD_FILE"); file != "" && f.getenv("DB_OWNER_PASSWORD") == "" {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, cfg, exit.With(exit.Usage, fmt.Errorf("DB_OWNER_PASSWORD_FILE: %w", err))
			}
			cfg.Password = strings.TrimRight(string(content), "\r\n")
		}
	}
	conn, err := postgres.ConnectOne(ctx, cfg, name)
	if err != nil {
		return nil, cfg, fmt.Errorf("PostgreSQL at %s: %w; %s", place(cfg), oneLine{err}, t.Hint())
	}
	return conn, cfg, nil
}

// oneLine writes what pgx writes as a list, one line for each address that it tried.
type oneLine struct{ error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.error.Error()), " ") }
func (e oneLine) Unwrap() error { return e.error }

// place writes role@host:port/database.
func place(cfg postgres.Config) string {
	parts := map[string]string{}
	for _, attr := range cfg.Address().Value.Group() {
		parts[attr.Key] = attr.Value.String()
	}
	return fmt.Sprintf("%s@%s:%s/%s", parts["role"], parts["host"], parts["port"], parts["name"])
}
