package token

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Between the ends of its straight pieces the drift is a line, so that it is enough to look there.
func TestStraysIsTheFirstInstantOutside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFob(t)
		if f.Profile().Factor != TimeBased {
			require.Zero(t, f.Strays(f.now, 0))
			return
		}
		now := inWorld(f.now.Add(drawSpan(t)))
		f.SetClimate(now, drawClimate(t))
		if f.lost(now) {
			require.Zero(t, f.Strays(now, 0), "the dead do not stray")
			return
		}
		by := drawSpan(t)
		if rapid.Bool().Draw(t, "just reached") {
			by = max(0, time.Duration(f.crystal.driftAt(inWorld(now.Add(by)).Add(-1)).ns).Abs()-1)
		}
		at := f.Strays(now, by)
		end := at
		if at.IsZero() {
			end = inWorld(now.Add(10 * year))
			if !f.ends.IsZero() && f.ends.Before(end) {
				end = f.ends
			}
		} else {
			require.False(t, at.Before(now))
			require.Greater(t, time.Duration(f.crystal.driftAt(at).ns).Abs(), by)
			require.True(t, at.Equal(f.now) || time.Duration(f.crystal.driftAt(at.Add(-1)).ns).Abs() <= by, "one nanosecond earlier")
		}
		look := now
		for range 3000 {
			if !look.Before(end) {
				break
			}
			require.LessOrEqual(t, time.Duration(f.crystal.driftAt(look).ns).Abs(), by, look)
			_, until := f.crystal.climate.At(look)
			if _, older := f.crystal.ageAt(look); until.IsZero() || older.Before(until) {
				until = older
			}
			look = until
		}
	})
}

func TestStraysOfKnownClocks(t *testing.T) {
	exact := func(ppb int64) func(*Config) {
		return func(c *Config) { perfect(c); c.TolerancePPB, c.Profile.Life = ppb, 0 }
	}
	fast, slow := newFob(t, exact(20_000)), newFob(t, exact(-20_000))
	require.Equal(t, birth.Add(1_500_000*time.Second+50_000), fast.Strays(birth, 30*time.Second),
		"30 s at 20 ppm are 17.4 days, and a nanosecond more is 50 µs more")
	require.Equal(t, birth.Add(1_500_000*time.Second+1), slow.Strays(birth, 30*time.Second), "drift is rounded down")
	require.Zero(t, newFob(t, exact(0)).Strays(birth, 0), "a perfect clock stays")
	require.Equal(t, birth.Add(50_000), fast.Strays(birth, -1), "less than none is none")
	mortal := newFob(t, exact(20_000), func(c *Config) { c.Profile.Life = 17 * 24 * time.Hour })
	require.Zero(t, mortal.Strays(birth, 30*time.Second), "the battery ends before")
	fast.Kill(birth)
	require.Zero(t, fast.Strays(birth, 0))
}

// A clock that gains by night what it loses by day leaves, comes back and leaves again: it is the first time that counts.
func TestStraysDoesNotMissTheFirstOfManyTimes(t *testing.T) {
	for _, climate := range []string{"daily:15..45", "random:7"} {
		c, err := ParseClimate(climate)
		require.NoError(t, err)
		f := newFob(t, func(c *Config) { c.Profile.AgeingPPB, c.Profile.Life = 0, 0 })
		f.SetClimate(birth, c)
		f.crystal.tolerance = -f.crystal.cycle / (day * 28)
		if climate != "random:7" {
			f.crystal.tolerance = -f.crystal.cycle / day
		}
		f.crystal.settle()
		var worst time.Duration
		for hour := range 40 * 24 {
			worst = max(worst, f.Drift(birth.Add(time.Duration(hour)*time.Hour)).Abs())
		}
		for by := worst / 50; by < worst; by += worst / 50 {
			at := f.Strays(birth, by)
			require.Greater(t, f.Drift(at).Abs(), by)
			for now := birth; now.Before(at); now = now.Add(time.Minute) {
				require.LessOrEqual(t, f.Drift(now).Abs(), by, "%s: %s, not %s", climate, now, at)
			}
		}
	}
}

func TestRateIsWhatASecondAdds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFob(t)
		endless(f)
		now := inWorld(f.now.Add(drawSpan(t)))
		f.SetClimate(now, drawClimate(t))
		_, until := f.crystal.climate.At(now)
		_, older := f.crystal.ageAt(now)
		if later := now.Add(time.Second); !until.IsZero() && later.After(until) || later.After(older) || later.After(horizon) {
			return // a change in between
		}
		rate := f.Rate(now)
		require.InDelta(t, rate.Total(), f.Drift(now.Add(time.Second))-f.Drift(now), 1)
		require.Equal(t, f.crystal.tolerance, rate.Tolerance)
		require.LessOrEqual(t, rate.Temperature, int64(0))
	})
	dead := newFob(t)
	dead.Kill(birth)
	require.Zero(t, dead.Rate(birth))
}

func TestADriftThatIsSetStaysAndGoesOn(t *testing.T) {
	for _, by := range []time.Duration{90 * time.Second, -45 * time.Second, 0, maxSet} {
		f, g := newFob(t), newFob(t)
		now := birth.Add(1000 * time.Hour)
		f.Press(now)
		g.Step(now)
		require.NoError(t, f.SetDrift(now, by))
		require.Equal(t, by, f.Drift(now))
		require.False(t, f.Display().Lit, "what was shown is no longer what the clock says")
		later := now.Add(1000 * time.Hour)
		require.InDelta(t, g.Drift(later)-g.Drift(now), f.Drift(later)-by, 1, "the crystal is the same")
		loaded := clone(t, f)
		same(t, f, loaded)
		require.Equal(t, f.Drift(later), loaded.Drift(later))
	}
}

// What no crystal can have drifted is a damaged file, unless the lab has set it.
func TestADriftThatNobodySetIsDamage(t *testing.T) {
	f := newFob(t)
	require.NoError(t, f.SetDrift(birth, 90*time.Second))
	data, err := json.Marshal(f)
	require.NoError(t, err)
	damaged := strings.Replace(string(data), `,"forced":true`, "", 1)
	require.NotEqual(t, string(data), damaged)
	require.ErrorContains(t, new(Fob).UnmarshalJSON([]byte(damaged)), "drifts so far")
	old := strings.Replace(string(data), `"version":2`, `"version":1`, 1)
	require.ErrorContains(t, new(Fob).UnmarshalJSON([]byte(old)), "a field of version 2")
}

func TestAnotherCrystalGoesOnFromHere(t *testing.T) {
	f := newFob(t, perfect, func(c *Config) { c.TolerancePPB = 20_000 })
	now := birth.Add(1_000_000 * time.Second)
	require.NoError(t, f.SetTolerance(now, -10_000))
	require.Equal(t, 20*time.Second, f.Drift(now))
	require.Equal(t, 10*time.Second, f.Drift(now.Add(1_000_000*time.Second)))
	require.Equal(t, Rate{Tolerance: -10_000}, f.Rate(now))
	same(t, f, clone(t, f))
}

func TestClocksThatCannotBeMovedAreLeftAlone(t *testing.T) {
	dead := newFob(t)
	dead.Kill(birth)
	for want, do := range map[string]func() error{
		"is dead":                   func() error { return dead.SetDrift(birth, 0) },
		"dead and has no clock":     func() error { return dead.SetTolerance(birth, 0) },
		"is event-based":            func() error { return newFob(t, eventFob).SetDrift(birth, 0) },
		"is challenge-based":        func() error { return newFob(t, ocraCard).SetTolerance(birth, 0) },
		"cannot be off by 87":       func() error { return newFob(t).SetDrift(birth, maxSet+1) },
		"cannot be off by -500936h": func() error { return newFob(t).SetDrift(birth, unixEpoch.Sub(birth)-24*365*time.Hour) },
		"cannot be off by 100000":   func() error { return newFob(t).SetTolerance(birth, maxTolerancePPB+1) },
	} {
		require.ErrorContains(t, do(), want)
	}
	f, g := newFob(t), newFob(t)
	require.Error(t, f.SetDrift(birth, maxSet+1))
	same(t, g, f)
}

// BenchmarkStrays is the forecast of a fob that is carried about and gets nowhere.
func BenchmarkStrays(b *testing.B) {
	f := newFob(b)
	f.SetClimate(birth, Climate{kind: random, seed: 7})
	b.ReportAllocs()
	for b.Loop() {
		f.Strays(birth, 24*time.Hour)
	}
}
