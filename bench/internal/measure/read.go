package measure

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/load"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
)

// readers is how many connections read.
const readers = 64

// idOf returns the id of the nth row, as fill makes them: of version 7's form, and growing.
func idOf(n int64) string { return fmt.Sprintf("01900000-0000-7000-8000-%012x", n) }

// fill fills an empty table with rows numbered from 1. Its indexes are made when the rows are there, which takes half the
// time and leaves them as they are after such rows came in their order.
func fill(ctx context.Context, db *rig.Database, rows int64) error {
	conn, err := db.Super.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	var drop, create string
	err = conn.QueryRow(ctx, `
		SELECT string_agg(coalesce('ALTER TABLE `+table+` DROP CONSTRAINT ' || quote_ident(c.conname),
				'DROP INDEX ' || i.indexrelid::regclass), '; '),
			string_agg(coalesce('ALTER TABLE `+table+` ADD CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid),
				pg_get_indexdef(i.indexrelid)), '; ')
		FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
		WHERE i.indrelid = '`+table+`'::regclass`).Scan(&drop, &create)
	if err != nil {
		return err
	}
	for _, sql := range []string{
		drop,
		fmt.Sprintf(`
			INSERT INTO `+table+` SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
				timestamptz '2026-01-01 00:00:00Z' + n * interval '1 millisecond', timestamptz '2026-01-01 00:00:00Z' + n * interval '1 millisecond'
			FROM generate_series(1, %d::bigint) AS n`, rows),
		`SET maintenance_work_mem = '512MB'; ` + create + `; RESET maintenance_work_mem`,
		`VACUUM ANALYZE ` + table,
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
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

// Read measures what the query-service answers: rows by id out of a table and out of one ten times as large, what the
// client has already, pages, queries, and rows by id while thousands wait.
func Read(ctx context.Context, r *rig.Rig, o Options) (tables []contest.Table, err error) {
	s, err := o.startReaders(ctx, r, o.Records)
	defer func() { err = errors.Join(err, s.stop(context.WithoutCancel(ctx), r)) }()
	if err != nil {
		return nil, err
	}
	ceilings, err := startCeilings(ctx, r)
	defer func() { err = errors.Join(err, ceilings.stop(r)) }()
	if err != nil {
		return nil, err
	}
	contests := []contest.Contest{o.byID(r, "read", s, ceilings.contestants(o, r, get(s.rows))...)}
	if large := "read-large"; !o.Quick && o.asks(large) {
		var ten reading
		ten, err = o.startReaders(ctx, r, 10*o.Records)
		defer func() { err = errors.Join(err, ten.stop(context.WithoutCancel(ctx), r)) }()
		if err != nil {
			return nil, err
		}
		contests = append(contests, o.byID(r, large, ten))
	}
	return o.runAll(ctx, append(contests, o.unchanged(r, s, ceilings), o.pages(r, s), o.queries(r, s), o.crowded(r, s))...)
}

// reading is who is asked for the rows of one table.
type reading struct {
	db       *rig.Database
	rows     int64
	ours     []server // at each revision
	oneQuery *rig.Process
}

func (o Options) startReaders(ctx context.Context, r *rig.Rig, rows int64) (s reading, err error) {
	s.rows = rows
	if s.db, err = r.Database(ctx, "read"); err != nil {
		return s, err
	}
	if err := r.Prepare(ctx, s.db); err != nil {
		return s, err
	}
	o.Say("filling a table with %d rows", rows)
	if err := fill(ctx, s.db, rows); err != nil {
		return s, err
	}
	for _, revision := range o.revisions() {
		// More may wait than by default, because it is measured what they cost.
		p, err := r.ServiceAt(ctx, revision, "query-service", "DB_URL="+s.db.ReaderURL, "MAX_WAITING=8192")
		if err != nil {
			return s, err
		}
		s.ours = append(s.ours, server{name: called("query-service", revision), note: "as shipped: log and metrics on", process: p})
		if err := awaitReady(ctx, p); err != nil {
			return s, err
		}
	}
	s.oneQuery, err = r.Peer(ctx, "one-query", "--db", s.db.ReaderURL)
	return s, err
}

func (s reading) stop(ctx context.Context, r *rig.Rig) error {
	var errs []error
	for _, ours := range s.ours {
		errs = append(errs, r.Forget(ours.process))
	}
	if s.oneQuery != nil {
		errs = append(errs, r.Forget(s.oneQuery))
	}
	if s.db != nil {
		errs = append(errs, r.Drop(ctx, s.db))
	}
	return errors.Join(errs...)
}

// ceilings are servers that answer at once.
type ceilings struct{ http, router *rig.Process }

func startCeilings(ctx context.Context, r *rig.Rig) (c ceilings, err error) {
	if c.http, err = r.Peer(ctx, "http"); err != nil {
		return c, err
	}
	c.router, err = r.Peer(ctx, "router")
	return c, err
}

func (c ceilings) contestants(o Options, r *rig.Rig, call load.Call) []contest.Contestant {
	return []contest.Contestant{
		{Name: "HTTP ceiling", Note: "echo that answers at once", Run: o.closed(r, c.http, readers, call)},
		{Name: "router ceiling", Note: "our router with log and metrics that answers at once", Run: o.closed(r, c.router, readers, call)},
	}
}

func (c ceilings) stop(r *rig.Rig) error {
	var errs []error
	for _, p := range []*rig.Process{c.http, c.router} {
		if p != nil {
			errs = append(errs, r.Forget(p))
		}
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

// byID reads by id: ours, the usual way, the limit, and others.
func (o Options) byID(r *rig.Rig, id string, s reading, others ...contest.Contestant) contest.Contest {
	call := get(s.rows)
	c := contest.Contest{
		ID: id, Baseline: "one query per request", Target: true,
		Title: fmt.Sprintf("GET by id, random ids among %d rows, %d connections", s.rows, readers),
		Contestants: append(s.each(func(p *rig.Process) func(context.Context) (contest.Sample, error) {
			return o.closed(r, p, readers, call)
		}), []contest.Contestant{
			{Name: "one query per request", Note: "echo and pgx, pool of 16", Run: o.closed(r, s.oneQuery, readers, call)},
			{Name: "pgbench", Note: "the limit of PostgreSQL: prepared look-ups, no HTTP", Run: func(ctx context.Context) (contest.Sample, error) {
				meter := r.Meter(nil)
				result, err := r.Pgbench(ctx, s.db, fmt.Sprintf(lookUp, s.rows), readers, o.Lasts)
				if err != nil {
					return nil, err
				}
				sample := contest.Sample{contest.Rate: result.Rate, contest.P50: result.P50, contest.P99: result.P99}
				return sample, meter.Add(sample, result.Done)
			}},
		}...),
	}
	c.Contestants = append(c.Contestants, others...)
	return c
}

// unchanged asks for rows that the client has.
func (o Options) unchanged(r *rig.Rig, s reading, ceilings ceilings) contest.Contest {
	known := min(s.rows, 1000)
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
	return contest.Contest{
		ID: "read-304", Title: fmt.Sprintf("GET by id with If-None-Match → 304, %d connections", readers), Baseline: "HTTP ceiling", Target: true,
		Contestants: append(s.each(func(p *rig.Process) func(context.Context) (contest.Sample, error) {
			return func(ctx context.Context) (contest.Sample, error) {
				tags, err := tagsOf(p, known)
				if err != nil {
					return nil, err
				}
				return o.closed(r, p, readers, ask(func(n int64) string { return tags[n] }))(ctx)
			}
		}), ceilings.contestants(o, r, ask(func(int64) string { return `"0123456789abcdef0123456789abcdef"` }))...),
	}
}

// tagsOf returns the entity tags of the first rows, each at its number.
func tagsOf(p *rig.Process, rows int64) ([]string, error) {
	tags := make([]string, rows+1)
	crowd := load.NewCrowd(p.Address("http"), 1)
	defer crowd.Close()
	for n := int64(1); n <= rows; n++ {
		c := crowd.Caller(0)
		c.Request.SetRequestURI("http://query/api/v1/timestamp/" + idOf(n))
		if err := errors.Join(c.Do(), load.Want(c.Response, 200)); err != nil {
			return nil, err
		}
		tags[n] = string(c.Response.Header.Peek("ETag"))
	}
	return tags, nil
}

// instant is the event time of the nth row, as fill makes them.
func instant(n int64) string {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

// pages lists rows from a random time on.
func (o Options) pages(r *rig.Rig, s reading) contest.Contest {
	list := func(limit int) load.Call {
		return func(c *load.Caller, _ uint64) error {
			c.Request.SetRequestURI("http://query/api/v1/timestamp?limit=" + strconv.Itoa(limit) + "&from=" + instant(rand.Int64N(s.rows)))
			if err := c.Do(); err != nil {
				return err
			}
			return load.Want(c.Response, 200)
		}
	}
	o = o.minor()
	c := contest.Contest{ID: "read-pages", Title: "GET of pages by event time from a random instant on, 16 connections"}
	for _, limit := range []int{10, 100} {
		for _, ours := range s.ours {
			c.Contestants = append(c.Contestants, contest.Contestant{
				Name: fmt.Sprintf("%d rows a page%s", limit, strings.TrimPrefix(ours.name, "query-service")), Run: o.closed(r, ours.process, 16, list(limit)),
			})
		}
	}
	return c
}

// queries asks the declared read model by its query language.
func (o Options) queries(r *rig.Rig, s reading) contest.Contest {
	ask := func(rows int, query func() string) load.Call {
		return func(c *load.Caller, _ uint64) error {
			c.Request.SetRequestURI("http://query/timestamps/query")
			c.Request.Header.SetMethod("POST")
			c.Request.Header.SetContentType("application/json")
			c.Request.SetBodyString(query())
			if err := c.Do(); err != nil {
				return err
			}
			if err := load.Want(c.Response, 200); err != nil {
				return err
			}
			if found := bytes.Count(c.Response.Body(), []byte("event_timestamp")); found != rows {
				return fmt.Errorf("%d rows, want %d", found, rows)
			}
			return nil
		}
	}
	byID := ask(1, func() string { return `{"$filter": {"id": "` + idOf(1+rand.Int64N(s.rows)) + `"}}` })
	byTime := ask(10, func() string {
		from := rand.Int64N(max(1, s.rows-1000))
		return `{"$filter": {"event_timestamp": {"$gte": "` + instant(from) + `", "$lt": "` + instant(from+1000) + `"}}, "$order_by": {"event_timestamp": "asc"}, "$limit": 10}`
	})
	o = o.minor()
	c := contest.Contest{ID: "read-query", Title: fmt.Sprintf("POST /timestamps/query, %d connections", readers)}
	for _, ours := range s.ours {
		at := strings.TrimPrefix(ours.name, "query-service")
		c.Contestants = append(c.Contestants,
			contest.Contestant{Name: "by id" + at, Note: "$filter of the primary key, random ids", Run: o.closed(r, ours.process, readers, byID)},
			contest.Contestant{Name: "by event time" + at, Note: "$filter of a random second, which has a thousand rows, in its order, $limit 10", Run: o.closed(r, ours.process, readers, byTime)},
		)
	}
	return c
}

// crowded reads by id while others wait for rows that do not come.
func (o Options) crowded(r *rig.Rig, s reading) contest.Contest {
	waiters := 5000
	if o.Quick {
		waiters = 50
	}
	o = o.minor()
	alone := o.closed(r, s.ours[0].process, readers, get(s.rows))
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
