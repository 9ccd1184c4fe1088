package wait

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/counterfoil/counterfoil/shared/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const timeout = 5 * time.Second

// table is what is looked up: keys that are there, and what happens to queries.
type table struct {
	mu      sync.Mutex
	there   map[int]string
	err     error
	queries int
	keys    int
	most    int // of the queries at the same time
	now     int
	before  func(query int) // runs before a query sees the table
	after   func(query int) // runs when it has seen it
}

func (t *table) ask(ctx context.Context, keys []int) (map[int]string, error) {
	t.mu.Lock()
	t.queries++
	t.keys += len(keys)
	t.now++
	t.most = max(t.most, t.now)
	query, before, after := t.queries, t.before, t.after
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.now--
		t.mu.Unlock()
	}()
	if before != nil {
		before(query)
	}
	t.mu.Lock()
	found, err := map[int]string{}, t.err
	for _, key := range keys {
		if value, ok := t.there[key]; ok {
			found[key] = value
		}
	}
	t.mu.Unlock()
	if after != nil {
		after(query)
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return found, err
}

func (t *table) asked() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queries
}

func (t *table) put(key int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.there == nil {
		t.there = map[int]string{}
	}
	t.there[key] = fmt.Sprint("row ", key)
}

func (t *table) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// open runs a room on the table until the test's bubble is left.
func open(t *testing.T, table *table, limit int) (*Room[int, string], *Lobby) {
	t.Helper()
	lobby := NewLobby(limit, time.Second, prometheus.NewRegistry())
	room := NewRoom(lobby, "row", table.ask, func(row string) bool { return row != "" }, timeout)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- room.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if room.lobby.Waiting() != 0 || len(room.seats) != 0 {
			t.Errorf("%d still wait in %d seats", room.lobby.Waiting(), len(room.seats))
		}
	})
	return room, lobby
}

func TestLook_ManyShareAFewQueries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rows := &table{before: func(int) { <-release }}
		room, _ := open(t, rows, 1)
		var all sync.WaitGroup
		for key := range 100 {
			rows.put(key)
			all.Go(func() {
				if row, err := room.Look(t.Context(), key); err != nil || row != fmt.Sprint("row ", key) {
					t.Errorf("got %q, %v for %d", row, err, key)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if rows.most > workers || rows.queries > workers+1 || rows.keys != 100 {
			t.Errorf("%d queries, %d at the same time, for %d keys", rows.queries, rows.most, rows.keys)
		}
	})
}

func TestLook_CallerWhoLeavesDisturbsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rows := &table{before: func(int) { <-release }}
		rows.put(1)
		room, _ := open(t, rows, 1)
		var all sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		all.Go(func() {
			if _, err := room.Look(ctx, 1); !errors.Is(err, context.Canceled) {
				t.Errorf("who left got %v", err)
			}
		})
		all.Go(func() {
			if row, err := room.Look(t.Context(), 1); err != nil || row != "row 1" {
				t.Errorf("who stayed got %q, %v", row, err)
			}
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		all.Wait()
	})
}

func TestLook_IsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		room, _ := open(t, &table{before: func(int) { <-release }}, 1)
		began := time.Now()
		if _, err := room.Look(t.Context(), 1); !fault.Is(err, fault.Away) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != timeout {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWait_WhatIsThereIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		rows.put(1)
		room, _ := open(t, rows, 1)
		if row, err := room.Wait(t.Context(), 1, time.Second); row != "row 1" || err != nil {
			t.Errorf("got %q, %v", row, err)
		}
	})
}

// In these tests time passes only while everybody waits for it. A lost wake-up would be found by the re-check, a second
// later.
func requireNoTimePassed(t *testing.T, since time.Time) {
	t.Helper()
	if took := time.Since(since); took != 0 {
		t.Errorf("it took %s", took)
	}
}

func TestWait_NotificationDuringTheFirstLookIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		room, _ := open(t, rows, 1)
		rows.after = func(query int) {
			if query == 1 { // the row appears when the first look has not seen it
				rows.put(1)
				room.Wake()
				synctest.Wait() // the round that follows is over before the first look is
			}
		}
		began := time.Now()
		if row, err := room.Wait(t.Context(), 1, time.Minute); row != "row 1" || err != nil {
			t.Errorf("got %q, %v", row, err)
		}
		requireNoTimePassed(t, began)
	})
}

func TestWait_NotificationDuringARoundMakesAnotherOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		room, _ := open(t, rows, 1)
		rows.after = func(query int) {
			if query == 2 { // the first round has not seen the row
				rows.put(1)
				for range 10 {
					room.Wake()
				}
			}
		}
		began := time.Now()
		answered := make(chan string)
		go func() {
			row, err := room.Wait(t.Context(), 1, time.Minute)
			if err != nil {
				t.Error(err)
			}
			answered <- row
		}()
		synctest.Wait()
		room.Wake()
		if row := <-answered; row != "row 1" {
			t.Errorf("got %q", row)
		}
		requireNoTimePassed(t, began)
		if rows.queries != 3 || rows.most != 1 {
			t.Errorf("%d queries, %d at the same time; ten notifications make one round", rows.queries, rows.most)
		}
	})
}

func TestWait_NoWakeUpIsLostHoweverItComes(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			rows := &table{}
			room, _ := open(t, rows, 1000)
			began := time.Now()
			var all sync.WaitGroup
			for i := range 300 {
				key := i % 100
				all.Go(func() {
					if row, err := room.Wait(t.Context(), key, time.Minute); err != nil || row == "" {
						t.Errorf("got %q, %v for %d", row, err, key)
					}
				})
			}
			all.Go(func() {
				for _, key := range rand.Perm(100) {
					rows.put(key)
					room.Wake()
				}
			})
			all.Wait()
			requireNoTimePassed(t, began)
		})
	}
}

func TestWait_RecheckFindsWhatNobodyNotified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		room, _ := open(t, rows, 1)
		began := time.Now()
		time.AfterFunc(10*time.Second+time.Millisecond, func() { rows.put(1) })
		if row, err := room.Wait(t.Context(), 1, time.Minute); row != "row 1" || err != nil {
			t.Errorf("got %q, %v", row, err)
		}
		if took := time.Since(began); took > 10*time.Second+time.Millisecond+recheck {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWait_EndsInTimeWithTheLastAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{there: map[int]string{1: ""}}
		room, _ := open(t, rows, 1)
		began := time.Now()
		if row, err := room.Wait(t.Context(), 1, 30*time.Second); row != "" || err != nil {
			t.Errorf("got %q, %v", row, err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWait_LastAnswerMayBeAnUnsettledOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{there: map[int]string{1: "2 ahead"}}
		lobby := NewLobby(1, time.Second, prometheus.NewRegistry())
		room := NewRoom(lobby, "row", rows.ask, func(row string) bool { return row == "done" }, timeout)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = room.Run(ctx) })
		defer running.Wait()
		defer cancel()
		for _, last := range []string{"2 ahead", "1 ahead"} {
			time.AfterFunc(3*time.Second, func() {
				rows.mu.Lock()
				defer rows.mu.Unlock()
				maps.Copy(rows.there, map[int]string{1: last})
			})
			if row, err := room.Wait(t.Context(), 1, 10*time.Second); row != last || err != nil {
				t.Errorf("got %q, %v, want %q", row, err, last)
			}
		}
	})
}

func TestWait_FailedRoundIsNotTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows, away := &table{}, fault.New(fault.CodeDatabaseAway, "away", nil)
		room, _ := open(t, rows, 1)
		time.AfterFunc(2500*time.Millisecond, func() { rows.fail(away) })
		time.AfterFunc(6500*time.Millisecond, func() { rows.put(1); rows.fail(nil) })
		if row, err := room.Wait(t.Context(), 1, 5*time.Second); row != "" || !errors.Is(err, error(away)) {
			t.Errorf("at the end of the time, got %q, %v", row, err)
		}
		rows.fail(nil)
		time.AfterFunc(500*time.Millisecond, func() { rows.fail(away) })
		if row, err := room.Wait(t.Context(), 1, 5*time.Second); row != "row 1" || err != nil {
			t.Errorf("when it is over, got %q, %v", row, err)
		}
		rows.fail(away)
		began := time.Now()
		if _, err := room.Wait(t.Context(), 1, 5*time.Second); !errors.Is(err, error(away)) {
			t.Errorf("where the first look fails, got %v", err)
		}
		requireNoTimePassed(t, began)
	})
}

func TestWait_ClosingEndsAllAndThoseToCome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		room, lobby := open(t, rows, 10)
		began := time.Now()
		var all sync.WaitGroup
		for key := range 5 {
			all.Go(func() {
				if row, err := room.Wait(t.Context(), key, time.Minute); row != "" || err != nil {
					t.Errorf("got %q, %v", row, err)
				}
			})
		}
		synctest.Wait()
		if lobby.Waiting() != 5 || lobby.Closing() {
			t.Errorf("%d wait, closing is %v", lobby.Waiting(), lobby.Closing())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if err := lobby.Run(ctx); err != nil || !lobby.Closing() {
				t.Errorf("got %v, closing is %v", err, lobby.Closing())
			}
		}
		all.Wait()
		rows.put(6)
		for key, want := range map[int]string{6: "row 6", 7: ""} {
			if row, err := room.Wait(t.Context(), key, time.Minute); row != want || err != nil {
				t.Errorf("afterwards, got %q, %v, want %q", row, err, want)
			}
		}
		requireNoTimePassed(t, began)
	})
}

func TestWait_RoomIsLimitedAndFreedByThoseWhoLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room, lobby := open(t, &table{}, 2)
		began := time.Now()
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for key := range 2 {
			all.Go(func() {
				if _, err := room.Wait(ctx, key, time.Minute); !errors.Is(err, context.Canceled) {
					t.Errorf("who left got %v", err)
				}
			})
		}
		synctest.Wait()
		if _, err := room.Wait(t.Context(), 3, time.Minute); !fault.Is(err, fault.Busy) {
			t.Errorf("one too many got %v", err)
		}
		leave()
		all.Wait()
		requireNoTimePassed(t, began)
		if lobby.Waiting() != 0 {
			t.Errorf("%d wait", lobby.Waiting())
		}
		if _, err := room.Wait(t.Context(), 3, time.Second); err != nil {
			t.Errorf("when there is room again: %v", err)
		}
	})
}

// Every notification asks for all who wait, so that many notifications and many who wait could keep the database busy with
// nothing else.
func TestWait_ACrowdIsNotLookedForWithoutRest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ waiting, least, most int }{
		{10, 180, 210}, // a round of 10 ms after the other
		{4000, 30, 50}, // 10 ms, and 40 ms of rest
	} {
		synctest.Test(t, func(t *testing.T) {
			rows := &table{before: func(int) { <-time.After(10 * time.Millisecond) }}
			room, _ := open(t, rows, c.waiting)
			var all sync.WaitGroup
			for key := range c.waiting {
				all.Go(func() {
					if row, err := room.Wait(t.Context(), key, time.Minute); row == "" || err != nil {
						t.Errorf("got %q, %v", row, err)
					}
				})
			}
			<-time.After(time.Second)
			before := rows.asked()
			for range 2000 {
				room.Wake()
				<-time.After(time.Millisecond)
			}
			if rounds := rows.asked() - before; rounds < c.least || rounds > c.most {
				t.Errorf("%d rounds in 2 s for %d who wait", rounds, c.waiting)
			}
			for key := range c.waiting {
				rows.put(key)
			}
			room.Wake()
			began := time.Now()
			all.Wait()
			if took := time.Since(began); took > 70*time.Millisecond {
				t.Errorf("those who wait are found after %s", took)
			}
		})
	}
}

func TestSoon_LastsAMomentForAFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := &table{}
		room, lobby := open(t, rows, nearby+2)
		sit := func() *Sitting[int, string] {
			s, _, err := room.Sit(t.Context(), 1)
			if s == nil || err != nil {
				t.Fatalf("got %v, %v", s, err)
			}
			return s
		}
		soon := func(s *Sitting[int, string], longest time.Duration) (bool, time.Duration) {
			began := time.Now()
			over := s.Soon(t.Context(), began.Add(longest))
			return over, time.Since(began)
		}
		s := sit()
		if over, took := soon(s, time.Minute); over || took != lobby.moment {
			t.Errorf("nothing comes: over is %t after %s", over, took)
		}
		if over, took := soon(s, time.Millisecond); !over || took != time.Millisecond {
			t.Errorf("longer than it may wait: over is %t after %s", over, took)
		}
		var crowd sync.WaitGroup
		for range nearby {
			one := sit()
			crowd.Go(func() {
				if over, _ := soon(one, time.Minute); !over {
					t.Error("it was not over when its row came")
				}
				if row, err := one.Rise(t.Context()); row != "row 1" || err != nil {
					t.Errorf("got %q, %v", row, err)
				}
			})
		}
		synctest.Wait()
		if over, took := soon(s, time.Minute); over || took != 0 {
			t.Errorf("one more than a few: over is %t after %s", over, took)
		}
		rows.put(1)
		room.Wake()
		crowd.Wait()
		if row, err := s.Rise(t.Context()); row != "row 1" || err != nil {
			t.Errorf("got %q, %v", row, err)
		}
	})
}
