package token

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOneJumpIsAMillionSmallSteps(t *testing.T) {
	for _, test := range []struct {
		name, profile, climate string
		steps                  time.Duration
	}{
		{"a fob in a drawer", "ezio", "drawer", 1_000_000},
		{"a fob in a car, with a button that is held for a while", "ezio", "cold-car", 1_000_000},
		{"a fob that is carried about", "display-card", "random:7", 1_000_000},
		{"an app", "app", "drawer", 100_000}, // an LCD that is always lit has more to do
		{"time bars in a garden shed", "rsa60", "daily:-9.5..31.25", 100_000},
		{"a token set by anybody, carried about", "programmable", "random:11", 100_000},
	} {
		t.Run(test.name, func(t *testing.T) {
			if race {
				test.steps /= 20
			}
			climate, err := ParseClimate(test.climate)
			require.NoError(t, err)
			make := func() *Fob {
				f := newFob(t, func(c *Config) {
					c.Profile, err = ProfileNamed(test.profile)
					require.NoError(t, err)
					c.Profile.Life, c.TolerancePPB = 9*c.Profile.Life, -4_321 // it outlives the test
				})
				f.SetTemperature(birth.Add(time.Hour), 31_500)
				f.Press(birth.Add(2 * time.Hour))
				f.Hold(birth.Add(3 * time.Hour))
				f.Release(birth.Add(4 * time.Hour))
				if f.Profile().Setting != Sealed {
					require.NoError(t, f.SetClock(f.now, birth))
				}
				f.SetClimate(birth.Add(5*time.Hour+1), climate)
				return f
			}
			jump, walk := make(), make()
			end := birth.Add(5 * year)
			pace, last := 5*year/test.steps, walk.Local(walk.now)
			for now := walk.now.Add(pace); now.Before(end); now = now.Add(pace) {
				walk.Step(now)
				if local := walk.Local(now); local.Before(last) {
					t.Fatal("the clock runs backwards")
				} else {
					last = local
				}
			}
			walk.Step(end)
			jump.Step(end)
			same(t, jump, walk)
			require.Zero(t, jump.Local(end).Sub(walk.Local(end)))
			require.NotZero(t, jump.Drift(end))
			_, dead := jump.Battery(end)
			require.False(t, dead)
		})
	}
}

// The table of the crystals that fobs are built with: a tolerance of 0 and the parabola
// alone, or a tolerance alone at the turnover.
func TestDriftIsThatOfTheDataSheets(t *testing.T) {
	for _, test := range []struct {
		name           string
		tolerance      int64
		milliC         int64
		after          time.Duration
		least, longest time.Duration
	}{
		{"a cold car loses 5.95 s a day", 0, -20_000, 24 * time.Hour, -5955 * time.Millisecond, -5945 * time.Millisecond},
		{"frost loses 1.84 s a day", 0, 0, 24 * time.Hour, -1845 * time.Millisecond, -1835 * time.Millisecond},
		{"a warm pocket loses 0.29 s a day", 0, 35_000, 24 * time.Hour, -295 * time.Millisecond, -285 * time.Millisecond},
		{"a dashboard loses 3.60 s a day", 0, 60_000, 24 * time.Hour, -3605 * time.Millisecond, -3595 * time.Millisecond},
		{"20 ppm gain 52.5 s in a month", 20_000, 25_000, 730 * time.Hour, 52500 * time.Millisecond, 52600 * time.Millisecond},
		{"3 ppm gain 95 s in a year", 3_000, 25_000, year, 94 * time.Second, 95 * time.Second},
		{"hotter than hot is as hot as it gets", 0, 85_001, time.Second, -122_400, -122_400},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFob(t, func(c *Config) { c.TolerancePPB, c.Profile.AgeingPPB = test.tolerance, 0 })
			f.SetTemperature(birth, test.milliC)
			drift := f.Drift(birth.Add(test.after))
			require.GreaterOrEqual(t, drift, test.least)
			require.LessOrEqual(t, drift, test.longest)
			require.Equal(t, birth.Add(test.after+drift), f.Local(birth.Add(test.after)))
		})
	}
}

func TestAgeingIsFastAtFirstAndThenSlow(t *testing.T) {
	f := newFob(t, func(c *Config) { c.Profile.AgeingPPB, c.Profile.Life = 1_000_000/10, 0 })
	rate := func(at time.Duration) float64 { // gained in an hour, as a part of the first year's ageing
		return float64(f.Drift(birth.Add(at+time.Hour))-f.Drift(birth.Add(at))) / float64(time.Hour/10_000)
	}
	for at, want := range map[time.Duration]float64{
		5 * 24 * time.Hour: 0.06, 45 * 24 * time.Hour: 0.35, 270 * 24 * time.Hour: 0.89, 5 * year: 1.6, 15 * year: 2,
	} {
		require.InDelta(t, want, rate(at), 0.1, at)
	}
	for at := time.Duration(0); at < 20*year; at += year / 20 {
		require.LessOrEqual(t, rate(at), rate(at+year/20))
	}
}

// exact is the drift in nanoseconds at a rate, as a fraction.
func exact(span time.Duration, ppb int64) *big.Rat {
	return new(big.Rat).Mul(big.NewRat(int64(span), 1e9), big.NewRat(ppb, 1))
}

func floor(r *big.Rat) int64 { return new(big.Int).Div(r.Num(), r.Denom()).Int64() }

// The reference goes from piece to piece in fractions and knows no closed form.
func TestDriftIsExactOverAnyHistoryOfClimates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := ProfileNamed("ezio")
		p.Life, p.AgeingPPB = 0, rapid.Int64Range(-maxAgeingPPB, maxAgeingPPB).Draw(t, "ageing")
		tolerance := rapid.Int64Range(-maxTolerancePPB, maxTolerancePPB).Draw(t, "tolerance")
		f, err := NewFob(Config{Profile: p, Serial: "x", Seed: rfcSeed, Born: birth, TolerancePPB: tolerance})
		require.NoError(t, err)
		sum, now := new(big.Rat), birth
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			climate := drawClimate(t)
			f.SetClimate(now, climate)
			require.Equal(t, climate, f.Climate())
			most := int64(year)
			if climate.kind != constant {
				most /= 12
			}
			end := now.Add(time.Duration(rapid.Int64Range(0, most).Draw(t, "for")))
			for now.Before(end) {
				milliC, until := climate.At(now)
				if until.IsZero() || until.After(end) {
					until = end
				}
				off := milliC - p.TurnoverMilliC
				sum.Add(sum, exact(until.Sub(now), tolerance-p.ParabolaPPBPerC2*off*off/1e6))
				now = until
			}

			aged, from := new(big.Rat), time.Duration(0)
			for _, part := range ageing {
				until := now.Sub(birth)
				if part.until <= int64(until/time.Second) {
					until = time.Duration(part.until) * time.Second
				}
				aged.Add(aged, exact(max(0, until-from), p.AgeingPPB*part.permille/1000))
				from = max(from, until)
			}
			require.Equal(t, floor(aged.Add(aged, sum)), int64(f.Drift(now)))
		}
	})
}

func TestTheSameTemperatureAgainChangesNothing(t *testing.T) {
	f, g := newFob(t), newFob(t)
	for now := birth; now.Before(birth.Add(time.Hour)); now = now.Add(time.Second) {
		f.SetTemperature(now, roomMilliC)
	}
	g.Step(f.now)
	same(t, g, f)
}

func TestLocalNeverRunsBackwards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFob(t)
		endless(f)
		now := f.now
		for range 20 {
			before := f.Local(now)
			if rapid.Bool().Draw(t, "heat") {
				f.SetClimate(now, drawClimate(t))
			}
			require.Equal(t, before, f.Local(now), "a change of temperature is no jump")
			for range 50 {
				now = now.Add(1)
				require.False(t, f.Local(now).Before(before))
				before = f.Local(now)
			}
			now = now.Add(drawSpan(t))
			require.False(t, f.Local(now).Before(before))
		}
	})
}

func TestStepBeginsIsTheInverseOfLocal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFob(t)
		endless(f)
		now := inWorld(f.now.Add(drawSpan(t)))
		f.SetClimate(now, drawClimate(t))
		now = inWorld(now.Add(drawSpan(t)))
		f.Step(now)
		begin := f.StepBegins(f.StepAt(now))
		if begin.IsZero() {
			return // before 1970
		}
		require.False(t, begin.After(now))
		next := f.StepBegins(f.StepAt(now) + 1)
		if next.IsZero() {
			return // after 9999
		}
		require.True(t, next.After(now))
		require.Equal(t, f.StepAt(now)+1, f.StepAt(next))
		require.Equal(t, f.StepAt(now), f.StepAt(next.Add(-1)), "one nanosecond earlier")
	})
}

// A fast clock leaves nanoseconds out, a slow one shows some of them twice; and the search
// for one comes from below where the clock is behind, from above where it is ahead.
func TestEveryNanosecondOfTheClockIsFound(t *testing.T) {
	for _, tolerance := range []int64{-maxTolerancePPB, 0, maxTolerancePPB} {
		for _, ahead := range []int64{-1e9, -1e5 - 1, 0, 1e5 + 1, 1e9} {
			o := newFob(t, func(c *Config) { c.TolerancePPB = tolerance }).crystal
			o.drift.ns = ahead
			for ns := range 3000 {
				local := birth.Add(time.Duration(ns))
				now := o.reaches(local)
				require.False(t, o.local(now).Before(local))
				require.True(t, o.local(now.Add(-1)).Before(local))
			}
		}
	}
}

func TestStepBeginsKnowsThePast(t *testing.T) {
	f := newFob(t, func(c *Config) { c.TolerancePPB = 50_000 })
	for _, climate := range []Climate{places[2], {kind: random}} { // its nights before 1970, too
		f.SetClimate(birth, climate)
		begin := f.crystal.reaches(unixEpoch.Add(-year))
		require.Equal(t, unixEpoch.Add(-year), f.crystal.local(begin))
	}
	f = newFob(t, func(c *Config) { c.TolerancePPB = 50_000 })
	now := birth.Add(year)
	f.Step(now)
	for _, past := range []int64{1, 2, 1000} {
		begin := f.StepBegins(f.StepAt(now) - past)
		require.Equal(t, Step(f.crystal.local(begin), unixEpoch, 30*time.Second), f.StepAt(now)-past)
		require.InDelta(t, float64(past)*30, now.Sub(begin).Seconds(), 31)
	}
	require.Zero(t, f.StepBegins(-100_000), "before 1970")
}
