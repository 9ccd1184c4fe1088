package target

import (
	"context"
	"os"

	"github.com/counterfoil/counterfoil/counterfoil/internal/show"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// Servers are the flags of a command that needs broker and database.
type Servers struct {
	Broker string `help:"Brokers to connect to first, host:port, separated by commas." placeholder:"HOST:PORT"`
	DBURL  string `name:"db-url" help:"PostgreSQL URL; any role that may read the control tables will do." placeholder:"URL"`
	Data   string `help:"Data directory of counterfoil dev, whose file env says where the servers are." default:".counterfoil" type:"path"`
}

// Finder returns what finds the servers.
func (s Servers) Finder() (*Finder, error) { return NewFinder(s.Data, os.Getenv) }

// Opened is both servers, to look at. Nothing can be changed in the database.
type Opened struct {
	Finder *Finder
	Pool   *postgres.Pool
	Admin  *kafka.Admin
}

// Open connects to database and broker, and explains where they are. The caller closes what it returns.
func (s Servers) Open(ctx context.Context, p *show.Printer) (*Opened, error) {
	finder, err := s.Finder()
	if err != nil {
		return nil, err
	}
	pool, err := s.openDatabase(ctx, p, finder)
	if err != nil {
		return nil, err
	}
	admin, broker, err := finder.OpenBroker(s.Broker)
	if err != nil {
		pool.Close()
		return nil, err
	}
	p.Explain("Kafka %s (%s)", broker.Value, broker.From())
	return &Opened{finder, pool, admin}, nil
}

// Close ends both connections.
func (o *Opened) Close() {
	_ = o.Admin.Close()
	o.Pool.Close()
}

// OpenDatabase is Open for a command that needs no broker. The caller closes the pool.
func (s Servers) OpenDatabase(ctx context.Context, p *show.Printer) (*postgres.Pool, error) {
	finder, err := s.Finder()
	if err != nil {
		return nil, err
	}
	return s.openDatabase(ctx, p, finder)
}

func (s Servers) openDatabase(ctx context.Context, p *show.Printer, finder *Finder) (*postgres.Pool, error) {
	pool, database, err := finder.OpenDatabase(ctx, s.DBURL)
	if err != nil {
		return nil, err
	}
	p.Explain("PostgreSQL %s (%s)", database.Value, database.From())
	return pool, nil
}
