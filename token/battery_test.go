package token

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBatteryIsDrainedByTimeAndPresses(t *testing.T) {
	f := newFob(t, weak)
	end := birth.Add(1000 * time.Hour)
	require.Equal(t, end, f.Wake())
	left, dead := f.Battery(birth.Add(250 * time.Hour))
	require.Equal(t, 0.75, left)
	require.False(t, dead)
	for i := range 5 {
		f.Press(after(1 + float64(i)/20))
	}
	f.Step(after(100))
	require.Equal(t, birth.Add(500*time.Hour), f.Wake(), "every press took a hundred hours")
	left, _ = f.Battery(birth.Add(250 * time.Hour))
	require.Equal(t, 0.25, left)
	_, dead = f.Battery(birth.Add(500*time.Hour - 1))
	require.False(t, dead)
	left, dead = f.Battery(birth.Add(500 * time.Hour))
	require.True(t, dead)
	require.Zero(t, left)
}

func TestLowBatterySignComesOnWhileLit(t *testing.T) {
	f := newFob(t, weak, func(c *Config) { c.Profile.PressesInLife = 0 })
	low := birth.Add(950 * time.Hour)
	f.Press(low.Add(-time.Second))
	require.False(t, f.Display().LowBattery)
	require.Equal(t, low, f.Wake())
	f.Step(low)
	require.True(t, f.Display().LowBattery)
	require.Equal(t, low.Add(19*time.Second), f.Wake())
	f.Step(f.Wake())
	require.False(t, f.Display().LowBattery, "a dark LCD shows no sign")
}

func TestADeadFobIsDeadForEver(t *testing.T) {
	pressed := func(f *Fob) {
		for i := range 10 {
			f.Press(after(1 + float64(i)/20))
		}
	}
	for _, test := range []struct {
		name string
		kill func(*Fob)
	}{
		{"killed", func(f *Fob) { f.Press(after(1)); f.Kill(after(2)) }},
		{"worn out while dark", func(f *Fob) { f.Press(after(1)); f.Step(birth.Add(1000 * time.Hour)) }},
		{"worn out while lit", func(f *Fob) { f.Press(birth.Add(900*time.Hour - 1)); f.Step(birth.Add(900 * time.Hour)) }},
		{"pressed to death", pressed},
		{"the zero Fob", func(f *Fob) { *f = Fob{} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFob(t, weak, redraws)
			test.kill(f)
			now := birth.Add(2000 * time.Hour)
			for _, event := range []func(){
				func() {}, func() { f.Press(now) }, func() { f.Step(now) }, func() { f.SetTemperature(now, 0) },
				func() { f.Kill(now) }, func() { f.Rebase(now, birth) },
				func() { f.Hold(now) }, func() { f.Release(now) }, func() { f.Drain(now, 0.5) },
				func() { require.ErrorContains(t, f.Break(now, Faults{Stuck: true}), "dead") },
				func() { require.ErrorContains(t, f.SetClock(now, now), "dead") },
				func() { require.ErrorContains(t, f.Burn(now, rfcSeed), "dead") },
				func() { require.ErrorContains(t, f.Challenge(now, "1"), "dead") },
				func() { f.Open(now) },
			} {
				event()
				require.Zero(t, f.Display())
				require.Zero(t, f.Wake())
				require.Zero(t, f.Local(birth))
				require.Zero(t, f.Drift(birth))
				require.Zero(t, f.StepAt(birth))
				require.Zero(t, f.StepBegins(59061240))
				left, dead := f.Battery(birth)
				require.True(t, dead)
				require.Zero(t, left)
				_, err := f.Peek(0)
				require.ErrorContains(t, err, "dead")
			}
		})
	}
}

func TestTheLastPressShowsNothing(t *testing.T) {
	f := newFob(t, weak)
	for i := range 9 {
		f.Press(after(1 + float64(i)/20))
	}
	require.True(t, f.Display().Lit)
	f.Press(after(11))
	require.Zero(t, f.Display())
	last, _ := f.LastShown()
	require.EqualValues(t, 59061239, last)
}

func TestColdWithholdsCharge(t *testing.T) {
	f := newFob(t, weak)
	half := birth.Add(500 * time.Hour)
	f.SetTemperature(half, -20_000)
	left, _ := f.Battery(half)
	require.Equal(t, 0.3, left)
	require.Equal(t, birth.Add(800*time.Hour), f.Wake(), "a fifth of the charge cannot be drawn")
	f.SetTemperature(half, 5_000)
	left, _ = f.Battery(half)
	require.Equal(t, 0.5, left, "warm again")
	require.Equal(t, birth.Add(1000*time.Hour), f.Wake())

	nearly := clone(t, f)
	nearly.SetTemperature(birth.Add(900*time.Hour), -5_000)
	_, dead := nearly.Battery(nearly.now)
	require.False(t, dead)
	nearly.SetTemperature(nearly.now, -10_000)
	_, dead = nearly.Battery(nearly.now)
	require.True(t, dead, "the last tenth is what ten degrees of frost withhold")
}

// At 3 o'clock it is -19.3 °C, which the charge bears for 807 hours; the coldest hour of the
// day before, at -20 °C, came before 800.
func TestABatteryDiesInTheColdestHourItCannotBear(t *testing.T) {
	f := newFob(t, weak)
	night, err := ParseClimate("daily:-20..20")
	require.NoError(t, err)
	f.SetClimate(birth, night)
	require.Equal(t, time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC), f.Wake())
	f.Step(f.Wake().Add(-1))
	left, dead := f.Battery(f.now)
	require.False(t, dead)
	require.InDelta(t, 0.017, left, 0.001, "an hour earlier it was -17.3 °C")
	f.Step(f.now.Add(1))
	_, dead = f.Battery(f.now)
	require.True(t, dead)
}

func TestDrain(t *testing.T) {
	f := newFob(t, weak)
	for _, test := range []struct{ to, want float64 }{{1.5, 1}, {1, 1}, {math.NaN(), 1}, {0.25, 0.25}, {0.5, 0.25}, {0.2504, 0.25}, {0.001, 0.001}} {
		f.Drain(birth, test.to)
		left, dead := f.Battery(birth)
		require.Equal(t, test.want, left, test.to)
		require.False(t, dead)
	}
	f.Drain(birth, -1)
	_, dead := f.Battery(birth)
	require.True(t, dead)

	endless := newFob(t, app)
	endless.Drain(birth, 0)
	left, dead := endless.Battery(birth)
	require.Equal(t, 1.0, left)
	require.False(t, dead)

	held := newFob(t, weak)
	held.Hold(birth)
	held.Drain(birth.Add(10*time.Hour), 0.25)
	left, _ = held.Battery(birth.Add(10 * time.Hour))
	require.Equal(t, 0.25, left)
	require.Equal(t, birth.Add(20*time.Hour), held.ends, "250 hours, 25 times as fast")
}
