package token

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPressesThatAreTooCloseAreOne(t *testing.T) {
	f := newFob(t, eventFob)
	for _, test := range []struct {
		at   time.Duration
		want string
	}{
		{0, "755224"}, {0, "755224"}, {debounce - 1, "755224"}, {debounce, "287082"}, {2*debounce - 1, "287082"}, {2 * debounce, "359152"},
	} {
		f.Press(birth.Add(test.at))
		require.Equal(t, test.want, f.Display().Code, test.at)
		require.Equal(t, birth.Add(test.at+12*time.Second), f.Display().Until, "every one keeps it lit")
	}
	require.EqualValues(t, 3, f.battery.presses)

	f = newFob(t, perfect)
	f.Press(after(9.99))
	f.Press(after(10))
	require.EqualValues(t, 59061240, f.Display().Step, "a bounce shows the step that it falls into")
	require.EqualValues(t, 1, f.battery.presses)
}

// The values of RFC 4226, Appendix D, from the third on.
func TestAnEventBasedFobCountsPresses(t *testing.T) {
	f := newFob(t, eventFob, func(c *Config) { c.Counter = 2 })
	require.EqualValues(t, 2, f.StepAt(birth))
	require.Zero(t, f.StepBegins(2))
	for i, want := range []string{"359152", "969429", "338314", "254676"} {
		now := after(float64(60 * i))
		f.Press(now)
		require.Equal(t, Display{Lit: true, Code: want, Step: int64(2 + i), Until: now.Add(12 * time.Second)}, f.Display())
		require.Equal(t, f.Display().Until, f.Wake())
	}
	last, ok := f.LastShown()
	require.True(t, ok)
	require.EqualValues(t, 5, last)
	code, err := f.Peek(6)
	require.NoError(t, err)
	require.Equal(t, "287922", code)
	require.EqualValues(t, 6, f.StepAt(f.now))
	f.Step(birth.Add(year))
	require.EqualValues(t, 6, f.StepAt(f.now), "time does not move it")
	require.Zero(t, f.Drift(f.now))
}

func TestAHeldButtonKeepsTheLCDLit(t *testing.T) {
	f := newFob(t, perfect, weak)
	f.Hold(after(1))
	require.True(t, f.Held())
	shown := f.Display()
	require.True(t, shown.Lit)
	require.Zero(t, shown.Until)
	for _, event := range []func(time.Time){f.Press, f.Hold, f.Step} {
		event(after(100))
		require.Equal(t, shown, f.Display(), "frozen; nobody can press what is down")
	}
	require.EqualValues(t, 1, f.battery.presses)
	f.Release(after(200))
	require.False(t, f.Held())
	require.Equal(t, after(220), f.Wake())
	f.Step(after(220))
	require.Zero(t, f.Display())
	f.Release(after(221))
	require.Zero(t, f.Display())

	bouncing := newFob(t, eventFob)
	bouncing.Press(birth)
	bouncing.Hold(birth.Add(debounce - 1))
	require.Equal(t, "755224", bouncing.Display().Code)
	require.True(t, bouncing.Held())
}

func TestAHeldButtonDrainsTheBattery(t *testing.T) {
	f := newFob(t, weak, func(c *Config) { c.Profile.PressesInLife = 0 })
	f.Hold(birth.Add(500 * time.Hour))
	require.Equal(t, birth.Add(520*time.Hour), f.ends, "25 times as fast")
	require.Equal(t, birth.Add(518*time.Hour), f.Wake(), "the low-battery sign")
	left, _ := f.Battery(birth.Add(510 * time.Hour))
	require.Equal(t, 0.25, left)
	f.Release(birth.Add(510 * time.Hour))
	left, _ = f.Battery(birth.Add(510 * time.Hour))
	require.Equal(t, 0.25, left)
	f.Step(birth.Add(511 * time.Hour))
	require.Equal(t, birth.Add(760*time.Hour), f.Wake())

	f.Hold(birth.Add(600 * time.Hour))
	f.Rebase(birth.Add(601*time.Hour), birth)
	require.True(t, f.Display().Lit)
	left, _ = f.Battery(birth)
	require.Equal(t, 0.135, left)
	require.Equal(t, birth.Add(135*time.Hour/heldDrain), f.ends)

	stuck := newFob(t)
	require.NoError(t, stuck.Break(birth, Faults{Stuck: true}))
	require.InDelta(t, 73, stuck.ends.Sub(birth).Hours()/24, 0.1, "five years in ten weeks")
}

func TestPressesAreLostOnWhatHasNoButton(t *testing.T) {
	for _, name := range []string{"app", "rsa60"} {
		f := newFob(t, func(c *Config) { c.Profile, _ = ProfileNamed(name) })
		want := clone(t, f)
		f.Press(birth)
		f.Hold(birth)
		require.False(t, f.Held())
		f.Release(birth)
		same(t, want, f, name)
	}
}
