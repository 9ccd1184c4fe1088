package rig

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// roles has passwords of no secrecy: the server listens on 127.0.0.1 and ends with the run.
var roles = postgres.Roles{OwnerPassword: "owner", WriterPassword: "writer", ReaderPassword: "reader"}

// A Database is an empty database of the run's server.
type Database struct {
	Name                                     string
	OwnerURL, WriterURL, ReaderURL, SuperURL string
	Super                                    *pgxpool.Pool // connections of the superuser, for looking and preparing
}

// server starts PostgreSQL at first use and returns its superuser's URL.
func (r *Rig) server(ctx context.Context) (string, error) {
	if r.postgres == nil {
		r.cfg.Say("starting PostgreSQL")
		var err error
		r.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
			Dir: filepath.Join(r.dir, "postgres"), Durable: true, Progress: func(line string) { r.cfg.Say("%s", line) },
		})
		if err != nil {
			return "", err
		}
	}
	return r.postgres.URL("postgres"), nil
}

// Database makes a database with its roles.
func (r *Rig) Database(ctx context.Context, of string) (*Database, error) {
	super, err := r.server(ctx)
	if err != nil {
		return nil, err
	}
	name := r.Name("bench_" + of)
	if err := postgres.Bootstrap(ctx, super, name, roles); err != nil {
		return nil, err
	}
	return r.open(ctx, name)
}

// Clone makes a copy of a database that nobody uses meanwhile: rows that take long to fill in are filled in once.
func (r *Rig) Clone(ctx context.Context, template *Database) (d *Database, err error) {
	template.Super.Reset() // its connections would be in the way
	conn, err := pgx.Connect(ctx, r.postgres.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	name := r.Name("bench_clone")
	sql := fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s OWNER %s STRATEGY file_copy`,
		postgres.Identifier(name), postgres.Identifier(template.Name), postgres.Identifier(postgres.OwnerRole))
	for _, sql := range []string{sql, "REVOKE TEMPORARY ON DATABASE " + postgres.Identifier(name) + " FROM PUBLIC"} { // rights on it are not copied
		if _, err := conn.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	return r.open(ctx, name)
}

// open connects to a database of the run's server.
func (r *Rig) open(ctx context.Context, name string) (*Database, error) {
	d := &Database{Name: name}
	for _, as := range []struct {
		url  *string
		user *url.Userinfo
	}{
		{&d.OwnerURL, url.UserPassword(postgres.OwnerRole, roles.OwnerPassword)},
		{&d.WriterURL, url.UserPassword(postgres.WriterRole, roles.WriterPassword)},
		{&d.ReaderURL, url.UserPassword(postgres.ReaderRole, roles.ReaderPassword)},
		{&d.SuperURL, nil},
	} {
		u, err := url.Parse(r.postgres.URL(d.Name))
		if err != nil {
			return nil, err
		}
		if as.user != nil {
			u.User = as.user
		}
		*as.url = u.String()
	}
	var err error
	d.Super, err = pgxpool.New(ctx, d.SuperURL)
	return d, err
}

// Drop drops the database with what is connected to it.
func (r *Rig) Drop(ctx context.Context, d *Database) error {
	d.Super.Close()
	return r.Lose(ctx, d)
}

// Lose drops the database under everybody's feet. Who asks it later finds it again if a consumer-service made it anew.
func (r *Rig) Lose(ctx context.Context, d *Database) error {
	conn, err := pgx.Connect(ctx, r.postgres.URL("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+postgres.Identifier(d.Name)+" WITH (FORCE)")
	return err
}

// Settle writes out what earlier work left in PostgreSQL's memory, so that nobody pays for another's rows.
func (d *Database) Settle(ctx context.Context) error {
	_, err := d.Super.Exec(ctx, "CHECKPOINT")
	return err
}

// Number returns the one number that the query gives.
func (d *Database) Number(ctx context.Context, sql string, args ...any) (n int64, err error) {
	if err := d.Super.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("%s: %w", sql, err)
	}
	return n, nil
}

// ConsumerEnv is what a consumer-service needs to know of the database.
func (d *Database) ConsumerEnv() []string {
	return []string{"DB_URL=" + d.WriterURL, "DB_OWNER_USERNAME=" + postgres.OwnerRole, "DB_OWNER_PASSWORD=" + roles.OwnerPassword}
}
