package check_test

import (
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/integration/faults/internal/check"
	"github.com/counterfoil/counterfoil/integration/faults/internal/ledger"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func payload(n int64) time.Time { return noon.Add(time.Duration(n) * time.Microsecond) }

// stamp is the broker's time of the n-th record.
func stamp(n int64) time.Time { return noon.Add(time.Duration(n) * time.Second) }

// at is a moment in the life of the readers.
func at(second float64) time.Time {
	return noon.Add(time.Hour + time.Duration(second*float64(time.Second)))
}

// kept returns a history in which everything is as it should be: a is acknowledged, b was unknown and is there, c was
// unknown and is not, d was refused, e broke without an id and is there, f broke, was repeated with its key and is in the
// topic twice.
func kept() check.History {
	h := check.History{
		Attempts: []ledger.Attempt{
			{Number: 1, Command: 1, Payload: payload(1), Outcome: ledger.Acknowledged, ID: "a", Position: "t/0@0"},
			{Number: 2, Command: 2, Payload: payload(2), Outcome: ledger.Unknown, ID: "b"},
			{Number: 3, Command: 3, Payload: payload(3), Outcome: ledger.Unknown, ID: "c"},
			{Number: 4, Command: 4, Payload: payload(4), Outcome: ledger.Refused},
			{Number: 5, Command: 5, Payload: payload(5), Outcome: ledger.Broken},
			{Number: 6, Command: 6, Key: "k", Payload: payload(6), Outcome: ledger.Broken},
			{Number: 7, Command: 6, Key: "k", Payload: payload(6), Outcome: ledger.Acknowledged, ID: "f", Position: "t/1@2"},
		},
		Records: []check.Record{
			{Partition: 0, Offset: 0, Timestamp: stamp(1), ID: "a", Payload: payload(1)},
			{Partition: 0, Offset: 1, Timestamp: stamp(2), ID: "b", Payload: payload(2)},
			{Partition: 1, Offset: 0, Timestamp: stamp(3), ID: "e", Payload: payload(5)},
			{Partition: 1, Offset: 1, Timestamp: stamp(4), ID: "f", Payload: payload(6)},
			{Partition: 1, Offset: 2, Timestamp: stamp(5), ID: "f", Payload: payload(6)},
		},
		Rows: []check.Row{
			{ID: "a", Payload: payload(1), CreatedAt: stamp(1)},
			{ID: "b", Payload: payload(2), CreatedAt: stamp(2)},
			{ID: "e", Payload: payload(5), CreatedAt: stamp(3)},
			{ID: "f", Payload: payload(6), CreatedAt: stamp(4)},
		},
		Observations: []check.Observation{
			{ID: "a", Exact: true, Began: at(1), Ended: at(2), Sight: check.Unseen},
			{ID: "a", Exact: true, Began: at(1.5), Ended: at(3), Sight: check.Seen},
			{ID: "a", Began: at(2.5), Ended: at(4), Sight: check.Unseen}, // it may have been asked before the row was there
			{ID: "a", Began: at(5), Ended: at(6), Sight: check.Seen, Payload: payload(1), CreatedAt: stamp(1)},
			{ID: "a", Last: true, Began: at(8), Ended: at(9), Sight: check.Seen, Payload: payload(1), CreatedAt: stamp(1)},
			{ID: "f", Last: true, Began: at(8), Ended: at(9), Sight: check.Seen, Payload: payload(6), CreatedAt: stamp(4)},
			{ID: "c", Began: at(8), Ended: at(9), Sight: check.Unseen},
		},
	}
	return h
}

func TestCheck_AHistoryThatKeepsEveryPromisePasses(t *testing.T) {
	t.Parallel()
	v := check.Check(kept())
	for _, violation := range v.Violations {
		t.Error(violation)
	}
	if v.Commands != 6 || v.Attempts != 7 || v.Acknowledged != 2 || v.Unknown != 3 || v.UnknownKept != 2 || v.Refused != 1 || v.Repeats != 1 {
		t.Errorf("counted %+v", v)
	}
}

// Each history has one thing wrong, and the checker has to say so.
func TestCheck_FailsAHistoryThatBreaksAPromise(t *testing.T) {
	t.Parallel()
	rowOf := func(h *check.History, id string) *check.Row {
		for i := range h.Rows {
			if h.Rows[i].ID == id {
				return &h.Rows[i]
			}
		}
		panic("no row " + id)
	}
	drop := func(h *check.History, id string) {
		rows := h.Rows
		h.Rows = nil
		for _, r := range rows {
			if r.ID != id {
				h.Rows = append(h.Rows, r)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(h *check.History)
		want  check.Rule
	}{
		"an acknowledged row is gone": {func(h *check.History) { drop(h, "a") }, check.Lost},
		"an acknowledged record is gone": {func(h *check.History) {
			h.Records = h.Records[1:]
		}, check.Lost},
		"an acknowledged row is there twice": {func(h *check.History) { h.Rows = append(h.Rows, *rowOf(h, "a")) }, check.Doubled},
		"an acknowledged command got a second id": {func(h *check.History) {
			h.Rows = append(h.Rows, check.Row{ID: "a2", Payload: payload(1), CreatedAt: stamp(6)})
			h.Records = append(h.Records, check.Record{Partition: 2, Timestamp: stamp(6), ID: "a2", Payload: payload(1)})
		}, check.Doubled},
		"an unknown command is there twice": {func(h *check.History) {
			h.Rows = append(h.Rows, check.Row{ID: "b2", Payload: payload(2), CreatedAt: stamp(6)})
			h.Records = append(h.Records, check.Record{Partition: 2, Timestamp: stamp(6), ID: "b2", Payload: payload(2)})
		}, check.Doubled},
		"a broken command is there twice": {func(h *check.History) {
			h.Rows = append(h.Rows, check.Row{ID: "e2", Payload: payload(5), CreatedAt: stamp(6)})
			h.Records = append(h.Records, check.Record{Partition: 2, Timestamp: stamp(6), ID: "e2", Payload: payload(5)})
		}, check.Doubled},
		"a row has another payload":    {func(h *check.History) { rowOf(h, "a").Payload = payload(99) }, check.WrongPayload},
		"a row has another's payload":  {func(h *check.History) { rowOf(h, "a").Payload = payload(2) }, check.WrongPayload},
		"a record has another payload": {func(h *check.History) { h.Records[0].Payload = payload(99) }, check.WrongPayload},
		"a row that nobody sent": {func(h *check.History) {
			h.Rows = append(h.Rows, check.Row{ID: "z", Payload: payload(99), CreatedAt: stamp(1)})
		}, check.Stranger},
		"a record that nobody sent": {func(h *check.History) {
			h.Records = append(h.Records, check.Record{Partition: 2, ID: "z", Payload: payload(99)})
		}, check.Stranger},
		"a record that is no command": {func(h *check.History) {
			h.Records = append(h.Records, check.Record{Partition: 2, Problem: "no JSON"})
		}, check.Stranger},
		"a refused command is there": {func(h *check.History) {
			h.Records = append(h.Records, check.Record{Partition: 2, Timestamp: stamp(6), ID: "d", Payload: payload(4)})
			h.Rows = append(h.Rows, check.Row{ID: "d", Payload: payload(4), CreatedAt: stamp(6)})
		}, check.Unwanted},
		"an unknown record was passed over":       {func(h *check.History) { drop(h, "b") }, check.NotApplied},
		"a row without a record":                  {func(h *check.History) { h.Records = append(h.Records[:1], h.Records[2:]...) }, check.NoRecord},
		"created_at is the clock of the consumer": {func(h *check.History) { rowOf(h, "b").CreatedAt = stamp(2).Add(time.Millisecond) }, check.WrongTime},
		"created_at is that of the repeat":        {func(h *check.History) { rowOf(h, "f").CreatedAt = stamp(5) }, check.WrongTime},
		"a ticket names another's position":       {func(h *check.History) { h.Attempts[0].Position = "t/0@1" }, check.WrongPosition},
		"a ticket names a place with nothing":     {func(h *check.History) { h.Attempts[0].Position = "t/5@7" }, check.WrongPosition},
		"a repeat got another ticket":             {func(h *check.History) { h.Attempts[5].Outcome, h.Attempts[5].ID = ledger.Unknown, "g" }, check.TwoTickets},
		"a command was set aside":                 {func(h *check.History) { h.Set = []string{"a"} }, check.SetAside},
		"a reader goes back": {func(h *check.History) {
			h.Observations = append(h.Observations, check.Observation{ID: "a", Began: at(6.5), Ended: at(7), Sight: check.Unseen})
		}, check.WentBack},
		"a ticket said applied and the row is not there": {func(h *check.History) {
			h.Observations = append(h.Observations, check.Observation{ID: "a", Began: at(3.1), Ended: at(3.2), Sight: check.Unseen})
		}, check.WentBack},
		"an unknown command that was seen goes away": {func(h *check.History) {
			h.Observations = append(h.Observations,
				check.Observation{ID: "b", Began: at(1), Ended: at(2), Sight: check.Seen},
				check.Observation{ID: "b", Began: at(3), Ended: at(4), Sight: check.Never})
		}, check.WentBack},
		"a ticket is denied": {func(h *check.History) {
			h.Observations = append(h.Observations, check.Observation{ID: "f", Exact: true, Began: at(1), Ended: at(2), Sight: check.Never})
		}, check.Denied},
		"a reader saw another payload":    {func(h *check.History) { h.Observations[3].Payload = payload(3) }, check.WrongPayload},
		"a reader saw another created_at": {func(h *check.History) { h.Observations[3].CreatedAt = stamp(9) }, check.WrongTime},
		"nobody got an answer in the end": {func(h *check.History) { h.Observations = h.Observations[:5] }, check.NeverAnswered},
		"an unknown outcome without an id": {func(h *check.History) {
			h.Attempts[2].ID = ""
		}, check.Odd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := kept()
			c.spoil(&h)
			v := check.Check(h)
			if v.Count(c.want) == 0 {
				t.Errorf("the checker does not say that %s; it says %v", c.want, v.Violations)
			}
		})
	}
}
