package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// readers is how many connections read.
const readers = 64

// idOf returns the id of the nth row, as fill makes them: of version 7's form, and growing.
func idOf(n int64) string { return fmt.Sprintf("01900000-0000-7000-8000-%012x", n) }

// fill fills the table with rows numbered from 1.
func fill(ctx context.Context, db *rig.Database, rows int64) error {
	_, err := db.Super.Exec(ctx, `
		INSERT INTO `+table+` SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
			timestamptz '2026-01-01 00:00:00Z' + n * interval '1 millisecond', timestamptz '2026-01-01 00:00:00Z' + n * interval '1 millisecond'
		FROM generate_series(1, $1::bigint) AS n`, rows)
	if err != nil {
		return err
	}
	if _, err := db.Super.Exec(ctx, `VACUUM ANALYZE `+table); err != nil {
		return err
	}
	return db.Settle(ctx)
}

// lookUp is the script with which pgbench reads by id.
const lookUp = `\set n random(1, %d)
SELECT id, event_timestamp, created_at FROM timestamp_v1.timestamp_records
WHERE id = ('01900000-0000-7000-8000-' || lpad(to_hex(:n::bigint), 12, '0'))::uuid;
`

// get reads a random row.
func get(rows int64) load.Call {
	return func(c *load.Caller, _ uint64) error {
		c.Request.SetRequestURI("http://query/api/v1/timestamp/" + idOf(1+rand.Int64N(rows)))
		if err := c.Do(); err != nil {
			return err
		}
		return load.Want(c.Response, 200)
	}
}

// Read measures what the query-service answers: rows by id, what the client has already, pages, and rows by id while
// thousands wait.
func Read(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	db, err := r.Database(ctx, "read")
	if err != nil {
		return nil, err
	}
	if err := r.Prepare(ctx, db); err != nil {
		return nil, err
	}
	o.Say("filling a table with %d rows", o.Records)
	if err := fill(ctx, db, o.Records); err != nil {
		return nil, err
	}
	s, err := o.startReaders(ctx, r, db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop(r), r.Drop(context.WithoutCancel(ctx), db)) }()
	contests := []contest.Contest{o.byID(r, s, db)}
	unchanged, err := o.unchanged(r, s)
	if err != nil {
		return nil, err
	}
	contests = append(contests, unchanged, o.pages(r, s), o.crowded(r, s))
	return o.runAll(ctx, contests...)
}

// reading is who is asked.
type reading struct {
	ours                   []server // at each revision
	oneQuery, http, router *rig.Process
}

func (o Options) startReaders(ctx context.Context, r *rig.Rig, db *rig.Database) (s reading, err error) {
	for _, revision := range o.revisions() {
		// More may wait than by default, because it is measured what they cost.
		p, err := r.ServiceAt(ctx, revision, "query-service", "DB_URL="+db.ReaderURL, "MAX_WAITING=8192")
		if err != nil {
			return s, err
		}
		s.ours = append(s.ours, server{called("query-service", revision), "as shipped: log and metrics on", p})
		if err := awaitReady(ctx, p); err != nil {
			return s, err
		}
	}
	if s.oneQuery, err = r.Peer(ctx, "one-query", "--db", db.ReaderURL); err != nil {
		return s, err
	}
	if s.http, err = r.Peer(ctx, "http"); err != nil {
		return s, err
	}
	if s.router, err = r.Peer(ctx, "router"); err != nil {
		return s, err
	}
	return s, nil
}

func (s reading) stop(r *rig.Rig) error {
	errs := []error{r.Forget(s.oneQuery), r.Forget(s.http), r.Forget(s.router)}
	for _, ours := range s.ours {
		errs = append(errs, r.Forget(ours.process))
	}
	return errors.Join(errs...)
}

// each returns the services as contestants.
func (s reading) each(turn func(*rig.Process) func(context.Context) (contest.Sample, error)) []contest.Contestant {
	var all []contest.Contestant
	for _, ours := range s.ours {
		all = append(all, contest.Contestant{Name: ours.name, Note: ours.note, Run: turn(ours.process)})
	}
	return all
}

// awaitReady waits until a service says that it is ready.
func awaitReady(ctx context.Context, p *rig.Process) error {
	crowd := load.NewCrowd(p.Address("http"), 1)
	defer crowd.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return rig.Until(ctx, 20*time.Millisecond, func(context.Context) (bool, error) {
		c := crowd.Caller(0)
		c.Request.SetRequestURI("http://service/readyz")
		return c.Do() == nil && c.Response.StatusCode() == 200, nil
	})
}

func (o Options) byID(r *rig.Rig, s reading, db *rig.Database) contest.Contest {
	call := get(o.Records)
	return contest.Contest{
		ID: "read", Baseline: "one query per request",
		Title: fmt.Sprintf("GET by id, random ids among %d rows, %d connections", o.Records, readers),
		Contestants: append(s.each(func(p *rig.Process) func(context.Context) (contest.Sample, error) {
			return o.closed(r, p, readers, call)
		}), []contest.Contestant{
			{Name: "one query per request", Note: "echo and pgx, pool of 16", Run: o.closed(r, s.oneQuery, readers, call)},
			{Name: "pgbench", Note: "the limit of PostgreSQL: prepared look-ups, no HTTP", Run: func(ctx context.Context) (contest.Sample, error) {
				meter := r.Meter(nil)
				result, err := r.Pgbench(ctx, db, fmt.Sprintf(lookUp, o.Records), readers, o.Lasts)
				if err != nil {
					return nil, err
				}
				sample := contest.Sample{contest.Rate: result.Rate, contest.P50: result.P50, contest.P99: result.P99}
				return sample, meter.Add(sample, result.Done)
			}},
			{Name: "HTTP ceiling", Note: "echo that answers at once", Run: o.closed(r, s.http, readers, call)},
			{Name: "router ceiling", Note: "our router with log and metrics that answers at once", Run: o.closed(r, s.router, readers, call)},
		}...),
	}
}

// unchanged asks for rows that the client has.
func (o Options) unchanged(r *rig.Rig, s reading) (contest.Contest, error) {
	known := min(o.Records, 1000)
	tags := make([]string, known+1)
	crowd := load.NewCrowd(s.ours[0].process.Address("http"), 1)
	defer crowd.Close()
	for n := int64(1); n <= known; n++ {
		c := crowd.Caller(0)
		c.Request.SetRequestURI("http://query/api/v1/timestamp/" + idOf(n))
		if err := errors.Join(c.Do(), load.Want(c.Response, 200)); err != nil {
			return contest.Contest{}, err
		}
		tags[n] = string(c.Response.Header.Peek("ETag"))
	}
	ask := func(tag func(n int64) string) load.Call {
		return func(c *load.Caller, _ uint64) error {
			n := 1 + rand.Int64N(known)
			c.Request.SetRequestURI("http://query/api/v1/timestamp/" + idOf(n))
			c.Request.Header.Set("If-None-Match", tag(n))
			if err := c.Do(); err != nil {
				return err
			}
			return load.Want(c.Response, 304)
		}
	}
	fixed := ask(func(int64) string { return `"0123456789abcdef0123456789abcdef"` })
	return contest.Contest{
		ID: "read-304", Title: fmt.Sprintf("GET by id with If-None-Match → 304, %d connections", readers), Baseline: "HTTP ceiling",
		Contestants: append(s.each(func(p *rig.Process) func(context.Context) (contest.Sample, error) {
			return o.closed(r, p, readers, ask(func(n int64) string { return tags[n] }))
		}), []contest.Contestant{
			{Name: "HTTP ceiling", Note: "echo that answers at once", Run: o.closed(r, s.http, readers, fixed)},
			{Name: "router ceiling", Note: "our router with log and metrics that answers at once", Run: o.closed(r, s.router, readers, fixed)},
		}...),
	}, nil
}

// pages lists a hundred rows from a random time on.
func (o Options) pages(r *rig.Rig, s reading) contest.Contest {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	list := func(limit int) load.Call {
		return func(c *load.Caller, _ uint64) error {
			from := start.Add(time.Duration(rand.Int64N(o.Records)) * time.Millisecond)
			c.Request.SetRequestURI("http://query/api/v1/timestamp?limit=" + strconv.Itoa(limit) + "&from=" + from.Format("2006-01-02T15:04:05.000Z"))
			if err := c.Do(); err != nil {
				return err
			}
			return load.Want(c.Response, 200)
		}
	}
	return contest.Contest{
		ID: "read-pages", Title: "GET of pages by event time from a random instant on, 16 connections",
		Contestants: []contest.Contestant{
			{Name: "10 rows a page", Run: o.closed(r, s.ours[0].process, 16, list(10))},
			{Name: "100 rows a page", Run: o.closed(r, s.ours[0].process, 16, list(100))},
		},
	}
}

// crowded reads by id while others wait for rows that do not come.
func (o Options) crowded(r *rig.Rig, s reading) contest.Contest {
	waiters := 5000
	if o.Quick {
		waiters = 50
	}
	call := get(o.Records)
	alone := o.closed(r, s.ours[0].process, readers, call)
	return contest.Contest{
		ID: "read-waiting", Title: fmt.Sprintf("GET by id, %d connections, while others wait", readers), Baseline: "nobody waits",
		Contestants: []contest.Contestant{
			{Name: "nobody waits", Run: alone},
			{Name: fmt.Sprintf("%d wait", waiters), Note: "for rows that do not come", Run: func(ctx context.Context) (contest.Sample, error) {
				return whileOthersWait(ctx, s.ours[0].process, waiters, alone)
			}},
		},
	}
}

// whileOthersWait runs the turn while waiters hold long polls.
func whileOthersWait(ctx context.Context, p *rig.Process, waiters int, turn func(context.Context) (contest.Sample, error)) (contest.Sample, error) {
	waiting, leave := context.WithCancel(ctx)
	crowd := load.NewCrowd(p.Address("http"), waiters)
	defer crowd.Close()
	done := make(chan error, 1)
	go func() {
		// Their waits are short enough to end soon after the turn, and begin anew until then.
		_, err := crowd.Closed(waiting, time.Hour, func(c *load.Caller, _ uint64) error {
			c.Request.SetRequestURI("http://query/api/v1/timestamp/" + idOf(-int64(c.Number)&0xffffffffffff) + "?wait=3s")
			if err := c.Do(); err != nil {
				return err
			}
			return load.Want(c.Response, 404)
		})
		done <- err
	}()
	sample, err := turn(ctx)
	leave()
	if left := <-done; !errors.Is(left, context.Canceled) {
		err = errors.Join(err, left)
	}
	return sample, err
}

// idIn returns the id of a ticket or a row.
func idIn(body []byte) (string, error) {
	var answer struct{ ID string }
	err := json.Unmarshal(body, &answer)
	return answer.ID, err
}
