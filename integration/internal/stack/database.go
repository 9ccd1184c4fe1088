package stack

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/counterfoil/counterfoil/integration/internal/await"
)

// withPool returns the URL with what a test's connections need.
func withPool(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text // the pool says what is wrong with it
	}
	query := u.Query()
	query.Set("pool_max_conns", "4")
	query.Set("application_name", "counterfoil-integration")
	u.RawQuery = query.Encode()
	return u.String()
}

// Number returns the one number that the query gives, as the owner.
func (s *Stack) Number(ctx context.Context, sql string, args ...any) (int64, error) {
	var n int64
	err := s.pool.QueryRow(ctx, sql, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return n, nil
}

// Texts returns the one column of texts that the query gives, as the owner.
func (s *Stack) Texts(ctx context.Context, sql string, args ...any) ([]string, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sql, err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sql, err)
	}
	return texts, nil
}

// Exec runs a statement as the owner, as a person would in psql.
func (s *Stack) Exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Connect opens a connection of the test's own as the owner.
func (s *Stack) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), s.pool.Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	})
	return conn
}

// DropDatabase drops the stack's database under everybody's feet, as the superuser.
func (s *Stack) DropDatabase(t testing.TB) {
	t.Helper()
	config, err := pgx.ParseConfig(s.DB.SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	config.Database = "postgres"
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), "DROP DATABASE "+pgx.Identifier{s.DB.Name}.Sanitize()+" WITH (FORCE)"); err != nil {
		t.Fatal(err)
	}
}

// AwaitRows waits until the read model has exactly want rows.
func (s *Stack) AwaitRows(t testing.TB, want int64) {
	t.Helper()
	s.AwaitNumber(t, want, `SELECT count(*) FROM timestamp_v1.timestamp_records`)
}

// AwaitNumber waits until the query gives the number.
func (s *Stack) AwaitNumber(t testing.TB, want int64, sql string, args ...any) {
	t.Helper()
	await.Until(t, func(ctx context.Context) error {
		n, err := s.Number(ctx, sql, args...)
		if err == nil && n != want {
			err = fmt.Errorf("%s gives %d, want %d", sql, n, want)
		}
		return err
	})
}
