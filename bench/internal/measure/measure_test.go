package measure

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/bench/internal/contest"
	"github.com/counterfoil/counterfoil/bench/internal/rig"
	"github.com/counterfoil/counterfoil/shared/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestRunAll_OnlyWhatIsAskedForTakesPart(t *testing.T) {
	t.Parallel()
	one := func(id string) contest.Contest {
		turn := func(context.Context) (contest.Sample, error) { return contest.Sample{contest.Rate: 1}, nil }
		return contest.Contest{ID: id, Contestants: []contest.Contestant{{Name: "ours", Run: turn}, {Name: "ours at v1", Run: turn}, {Name: "peer", Run: turn}}}
	}
	for asked, want := range map[string][]string{
		"":              {"ingest-1", "ingest-16", "ingest-open-1000"},
		"ingest":        {"ingest-1", "ingest-16", "ingest-open-1000"},
		"ingest-":       {"ingest-1", "ingest-16", "ingest-open-1000"},
		"ingest-1":      {"ingest-1"},
		"open":          {"ingest-open-1000"},
		"ingest-open-1": nil,
	} {
		o := Options{Rounds: 1, Contests: asked, Contestants: []string{"ours"}, Say: t.Logf}
		tables, err := o.runAll(t.Context(), one("ingest-1"), one("ingest-16"), one("ingest-open-1000"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, table := range tables {
			got = append(got, table.ID)
			if len(table.Rows) != 2 || table.Rows[1].Name != "ours at v1" {
				t.Errorf("%s: rows %+v", table.ID, table.Rows)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", asked, got, want)
		}
	}
}

func TestRunAll_TheTimeIsEnoughForAllAndThoseWithATargetHaveMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := func(id string, target bool) contest.Contest {
			return contest.Contest{ID: id, Target: target, Contestants: []contest.Contestant{{Name: "ours", Run: func(context.Context) (contest.Sample, error) {
				<-time.After(time.Minute)
				return contest.Sample{contest.Rate: 1}, nil
			}}}}
		}
		began := time.Now()
		o := Options{Rounds: 3, Deadline: began.Add(9 * time.Minute), Say: t.Logf}
		tables, err := o.runAll(t.Context(), slow("a", false), slow("b", true), slow("c", false), slow("d", false))
		if err != nil {
			t.Fatal(err)
		}
		var rounds []int
		for _, table := range tables {
			rounds = append(rounds, table.Rounds)
		}
		// Of 9 minutes 1 part in 5, 1.8; of the 8 that are left 2 in 4; of the 4 that are left a half; and the rest.
		if !slices.Equal(rounds, []int{1, 4, 2, 2}) || time.Since(began) > 9*time.Minute {
			t.Errorf("rounds %v in %s", rounds, time.Since(began))
		}
	})
}

func TestMinor_HalvesATurnButNotBelowASecond(t *testing.T) {
	t.Parallel()
	for lasts, want := range map[time.Duration]time.Duration{
		4 * time.Second: 2 * time.Second, 1500 * time.Millisecond: time.Second, time.Second: time.Second, 100 * time.Millisecond: 100 * time.Millisecond,
	} {
		if got := (Options{Lasts: lasts}).minor().Lasts; got != want {
			t.Errorf("%s: %s, want %s", lasts, got, want)
		}
	}
}

func TestPoints_EveryOtherRoundGoesBackwards(t *testing.T) {
	t.Parallel()
	g := growing{Options: Options{Say: t.Logf}, pace: contest.Pace{Rounds: 3}}
	var order []int
	lines, err := points(g, []int{1, 10, 100}, []string{"cost", "double"}, func(x int) ([]float64, error) {
		order = append(order, x)
		return []float64{float64(len(order)), 2 * float64(x)}, nil
	})
	if err != nil || !slices.Equal(order, []int{1, 10, 100, 100, 10, 1, 1, 10, 100}) {
		t.Fatalf("order %v, error %v", order, err)
	}
	if got := lines[0].Points[2]; got.X != 100 || !slices.Equal(got.Values, []float64{3, 4, 9}) {
		t.Errorf("the last point is %+v", got)
	}
	alone := share(lines[0], "of one alone")
	if got := alone.Points[2].Values; !alone.Aside || math.Abs(got[0]-1.0/3) > 1e-9 || math.Abs(got[1]-6.0/4) > 1e-9 || alone.Points[0].Values[1] != 1 {
		t.Errorf("shares %+v", alone)
	}
}

func TestPoints_WhatFailsKeepsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	g := growing{Options: Options{Say: t.Logf}, pace: contest.Pace{Rounds: 2}}
	lines, err := points(g, []int{1, 2}, []string{"cost"}, func(x int) ([]float64, error) {
		if x == 2 {
			return nil, errors.New("broke")
		}
		return []float64{1}, nil
	})
	if err == nil || len(lines[0].Points[0].Values) != 1 {
		t.Errorf("lines %+v, error %v", lines, err)
	}
}

func TestFill_RowsAreThoseThatAreAskedFor(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), pgtest.Database(t).SuperURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, err = pool.Exec(t.Context(), `
		CREATE SCHEMA timestamp_v1;
		CREATE TABLE timestamp_v1.timestamp_records (id uuid PRIMARY KEY, event_timestamp timestamptz NOT NULL, created_at timestamptz NOT NULL)`)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 300
	if err := fill(t.Context(), &rig.Database{Super: pool}, rows); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int64{1, 255, rows} {
		var found int
		err := pool.QueryRow(t.Context(), `SELECT count(*) FROM timestamp_v1.timestamp_records WHERE id = $1 AND event_timestamp = $2::timestamptz`, idOf(n), instant(n)).Scan(&found)
		if err != nil || found != 1 {
			t.Errorf("row %d, %s at %s: found %d, %v", n, idOf(n), instant(n), found, err)
		}
	}
	var all int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM timestamp_v1.timestamp_records`).Scan(&all); err != nil || all != rows {
		t.Errorf("%d rows, %v", all, err)
	}
}

func TestFitting_TheLargeRebuildHasTheTurnsForWhichThereIsTime(t *testing.T) {
	t.Parallel()
	took := func(name string, seconds float64) contest.Row {
		return contest.Row{Name: name, Samples: []contest.Sample{{"seconds": seconds}}}
	}
	small := contest.Table{Rows: []contest.Row{took("alone", 5), took("truncated", 10), took("dropped", 10)}}
	for left, want := range map[time.Duration]int{10 * time.Minute: 3, 5 * time.Minute: 2, time.Minute: 0, -time.Minute: 0} {
		turns, note := fitting(small, left)
		if turns != want || (note == "") != (want == 3) {
			t.Errorf("%s: %d turns, want %d; %q", left, turns, want, note)
		}
	}
	small.Rows[1].Samples = nil
	if turns, note := fitting(small, time.Hour); turns != 0 || note == "" {
		t.Errorf("a turn failed, and %d are to follow; %q", turns, note)
	}
}
