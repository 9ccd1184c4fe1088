package contest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRun_EveryoneTakesTurnsInEveryRound(t *testing.T) {
	t.Parallel()
	var turns []string
	contestant := func(name string, rate float64) Contestant {
		return Contestant{Name: name, Run: func(context.Context) (Sample, error) {
			turns = append(turns, name)
			return Sample{Rate: rate * float64(len(turns))}, nil
		}}
	}
	table, err := Contest{Baseline: "a", Contestants: []Contestant{contestant("a", 1), contestant("b", 1), contestant("c", 1)}}.
		Run(t.Context(), Pace{Rounds: 3}, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c", "c", "b", "a", "b", "c", "a"}; !slices.Equal(turns, want) {
		t.Errorf("took turns as %v, want %v", turns, want)
	}
	// b: 2/1, 5/6, 7/9.
	if ratio, ok := table.Ratio(table.Rows[1]); !ok || ratio != (Spread{5.0 / 6, 7.0 / 9, 2}) {
		t.Errorf("ratio %+v", ratio)
	}
}

func TestRun_WhoFailsDropsOutAndIsSaid(t *testing.T) {
	t.Parallel()
	table, err := Contest{Contestants: []Contestant{
		{Name: "bad", Run: func(context.Context) (Sample, error) { return nil, errors.New("broke") }},
		{Name: "good", Run: func(context.Context) (Sample, error) { return Sample{Rate: 1}, nil }},
	}}.Run(t.Context(), Pace{Rounds: 2}, t.Logf)
	if err != nil || table.Rows[0].Failed != "broke" || len(table.Rows[1].Samples) != 2 {
		t.Errorf("table %+v, error %v", table, err)
	}
}

func TestRun_TheDeadlineDecidesHowManyRoundsThereAre(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		time   time.Duration // for turns of a minute
		target bool
		rounds int
	}{
		"late":                    {-time.Hour, false, 1},
		"no time for a second":    {119 * time.Second, true, 1},
		"two":                     {2 * time.Minute, true, 2},
		"enough":                  {time.Hour, false, 3},
		"enough, with a target":   {time.Hour, true, 5},
		"a target, and less time": {4 * time.Minute, true, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := Contest{Target: test.target, Contestants: []Contestant{{Name: "slow", Run: func(context.Context) (Sample, error) {
					<-time.After(time.Minute)
					return Sample{Rate: 1}, nil
				}}}}
				table, err := c.Run(t.Context(), Pace{Rounds: 3, Most: 5, Deadline: time.Now().Add(test.time)}, t.Logf)
				if err != nil || table.Rounds != test.rounds || len(table.Rows[0].Samples) != test.rounds {
					t.Errorf("%d rounds, want %d; error %v", table.Rounds, test.rounds, err)
				}
			})
		})
	}
}

func TestRatio_IsAgainstWhomTheRowNames(t *testing.T) {
	t.Parallel()
	table := Table{Baseline: "a", Rows: []Row{
		{Name: "a", Samples: []Sample{{Rate: 1}}}, {Name: "b", Samples: []Sample{{Rate: 2}}}, {Name: "c", Against: "b", Samples: []Sample{{Rate: 8}}},
	}}
	for row, want := range []float64{1, 2, 4} {
		if got, ok := table.Ratio(table.Rows[row]); !ok || got.Median != want {
			t.Errorf("row %d: %+v, want %v", row, got, want)
		}
	}
}

func TestOf_MedianOfOddAndEven(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   Spread
	}{
		{[]float64{3, 1, 2}, Spread{2, 1, 3}},
		{[]float64{4, 1, 2, 3}, Spread{2.5, 1, 4}},
	} {
		if got, ok := Of(test.values); !ok || got != test.want {
			t.Errorf("%v: %+v, want %+v", test.values, got, test.want)
		}
	}
	if _, ok := Of(nil); ok {
		t.Error("nothing has a median")
	}
}

func TestNumber_HasThreeDigits(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{0: "0", 12345: "12300", 123.4: "123", 12.34: "12.3", 1.234: "1.23", 0.01234: "0.0123", 999.6: "1000"} {
		if got := Number(value); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
}
