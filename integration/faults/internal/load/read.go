package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
)

// read asks about the latest tickets until ctx ends.
func (c *Client) read(ctx context.Context, _ int) {
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		c.mu.Lock()
		n := len(c.tickets)
		if n == 0 {
			c.mu.Unlock()
			continue
		}
		back := c.random.IntN(min(n, remembered))
		if c.random.IntN(2) == 0 {
			back = c.random.IntN(min(n, 20)) // one that may not be there yet
		}
		asked := c.tickets[n-1-back]
		how := c.random.IntN(6)
		c.mu.Unlock()
		c.look(asked, how)
	}
}

// look asks about a ticket in one of several ways. Where a ticket says that the row is there, it looks for the row.
func (c *Client) look(t ticket, how int) {
	var o check.Observation
	var err error
	switch how {
	case 0:
		o, err = c.Row(t.id, "")
	case 1:
		o, err = c.Row(t.id, "2s")
	case 2:
		o, err = c.ticket(t, false, "")
	case 3:
		o, err = c.ticket(t, true, "2s")
	default:
		o, err = c.ticket(t, true, "")
	}
	if err != nil {
		return // nobody was told anything
	}
	c.observe(o)
	if how >= 2 && o.Sight == check.Seen {
		if row, err := c.Row(t.id, ""); err == nil {
			c.observe(row)
		}
	}
}

// Row asks for the row of a command, with patience where wait is not empty. An error means that there was no answer about
// the command.
func (c *Client) Row(id, wait string) (check.Observation, error) {
	path := "/api/v1/timestamp/" + id
	if wait != "" {
		path += "?wait=" + wait
	}
	var row struct {
		Event   time.Time `json:"event_timestamp"`
		Created time.Time `json:"created_at"`
		Code    string
	}
	o := check.Observation{ID: id}
	status, err := c.get(path, &o, &row)
	switch {
	case err != nil:
		return o, err
	case status == http.StatusOK:
		o.Sight, o.Payload, o.CreatedAt = check.Seen, row.Event, row.Created
	case status == http.StatusNotFound && row.Code == "not-found":
		o.Sight = check.Unseen
	default:
		return o, fmt.Errorf("%s is answered %d %s", path, status, row.Code)
	}
	return o, nil
}

func (c *Client) ticket(t ticket, exact bool, wait string) (check.Observation, error) {
	query := url.Values{}
	if wait != "" {
		query.Set("wait", wait)
	}
	if exact && t.position != "" {
		query.Set("position", t.position)
	}
	path := "/api/v1/tickets/" + t.id + "?" + query.Encode()
	var answer struct{ Outcome, Code string }
	o := check.Observation{ID: t.id, Exact: exact && t.position != ""}
	status, err := c.get(path, &o, &answer)
	switch {
	case err != nil:
		return o, err
	case status == http.StatusOK && answer.Outcome == "applied":
		o.Sight = check.Seen
	case status == http.StatusOK && answer.Outcome == "pending":
		o.Sight = check.Unseen
	case status == http.StatusOK:
		o.Sight = check.Parked
	case status == http.StatusNotFound && answer.Code == "no-such-command":
		o.Sight = check.Never
	default:
		return o, fmt.Errorf("%s is answered %d %s", path, status, answer.Code)
	}
	return o, nil
}

// get asks the query-service and says when it began and ended.
func (c *Client) get(path string, o *check.Observation, body any) (status int, err error) {
	o.Began = time.Now()
	defer func() { o.Ended = time.Now() }()
	response, err := c.query.Get(c.cfg.Query() + path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode, json.NewDecoder(response.Body).Decode(body)
}

// Ask asks for the rows of the commands, each with patience, until all are answered or ctx ends. Those that are not there
// then, or that nobody answered for, are observed as not seen.
func (c *Client) Ask(ctx context.Context, ids []string) {
	var asking sync.WaitGroup
	work := make(chan string)
	for range 8 {
		asking.Go(func() {
			for id := range work {
				c.observe(c.last(ctx, id))
			}
		})
	}
	for _, id := range ids {
		work <- id
	}
	close(work)
	asking.Wait()
}

func (c *Client) last(ctx context.Context, id string) check.Observation {
	for {
		o, err := c.Row(id, "10s")
		if o.Last = true; err == nil {
			return o
		}
		select {
		case <-ctx.Done():
			o.Sight, o.Began = check.Unseen, time.Time{} // it speaks of no moment
			return o
		case <-time.After(100 * time.Millisecond):
		}
	}
}
