package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

// era is when the first command's timestamp is.
var era = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)

// payload returns the timestamp of a command, which no other command has. All digits down to the microsecond count.
func payload(command int64) time.Time {
	return era.Add(time.Duration(command) * 1_000_003 * time.Microsecond)
}

// next returns what is to be asked now: a repeat that is due, else a new command.
func (c *Client) next() ledger.Attempt {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts++
	now := time.Now()
	for i, r := range c.repeats {
		if r.due.Before(now) {
			c.repeats[i] = c.repeats[len(c.repeats)-1]
			c.repeats = c.repeats[:len(c.repeats)-1]
			r.attempt.Number, r.attempt.Sent = c.attempts, now.UTC()
			return r.attempt
		}
	}
	c.commands++
	a := ledger.Attempt{Number: c.attempts, Command: c.commands, Payload: payload(c.commands), Sent: now.UTC()}
	if c.random.IntN(100) < keyed {
		a.Key = fmt.Sprintf("%s-%d", c.cfg.Name, c.commands)
	}
	return a
}

// write asks once.
func (c *Client) write() {
	a := c.next()
	if err := c.cfg.Ledger.Write(a); err != nil {
		c.fail(err)
		return
	}
	c.ask(&a)
	a.Answered = time.Now().UTC()
	if err := c.cfg.Ledger.Write(a); err != nil {
		c.fail(err)
		return
	}
	c.account(a)
}

func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// ask sends the attempt and fills in what came back.
func (c *Client) ask(a *ledger.Attempt) {
	request, err := http.NewRequest(http.MethodPost, c.cfg.Command()+"/api/v1/timestamp/"+a.Payload.Format(time.RFC3339Nano), nil)
	if err != nil {
		c.fail(err)
		return
	}
	if a.Key != "" {
		request.Header.Set("Idempotency-Key", a.Key)
	}
	response, err := c.command.Do(request)
	if err != nil {
		a.Outcome, a.Detail = ledger.Broken, err.Error()
		if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
			a.Outcome = ledger.Refused // there was nobody to send it to
		}
		return
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		a.Outcome, a.Detail = ledger.Broken, err.Error()
		return
	}
	var answer struct{ ID, Code string }
	_ = json.Unmarshal(body, &answer) // what is no JSON has no code
	a.ID, a.Detail = answer.ID, fmt.Sprintf("%d %s", response.StatusCode, answer.Code)
	switch {
	case response.StatusCode == http.StatusOK:
		a.Outcome, a.Position = ledger.Acknowledged, response.Header.Get("Ticket-Position")
	case answer.Code == "broker-away", answer.Code == "too-many-in-flight", answer.Code == "shutting-down":
		a.Outcome = ledger.Refused
	default: // outcome-unknown has an id; anything else has none, and the checker does not let it pass
		a.Outcome = ledger.Unknown
	}
}

// account counts the answer, remembers the ticket, and decides about a repeat.
func (c *Client) account(a ledger.Attempt) {
	again := repeatedOpen
	switch a.Outcome {
	case ledger.Acknowledged:
		c.acknowledged.Add(1)
		c.progress.step()
		again = repeatedKept
	case ledger.Unknown:
		c.unknown.Add(1)
	case ledger.Refused:
		c.refused.Add(1)
	case ledger.Broken:
		c.broken.Add(1)
	}
	again = again * min(1, len(a.Key))
	repeatIt := c.chance(again)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.ID != "" {
		c.tickets = append(c.tickets, ticket{a.ID, a.Position})
		if len(c.tickets) > 2*remembered {
			c.tickets = append([]ticket(nil), c.tickets[remembered:]...)
		}
	}
	if repeatIt {
		same := ledger.Attempt{Command: a.Command, Key: a.Key, Payload: a.Payload}
		c.repeats = append(c.repeats, repeat{time.Now().Add(time.Duration(c.random.IntN(3000)) * time.Millisecond), same})
	}
}
