package token

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func programmable(setting Setting) func(*Config) {
	return func(c *Config) { c.Profile.Setting = setting }
}

func TestFaultsAsText(t *testing.T) {
	for text, want := range map[string]Faults{
		"":                  {},
		"stuck":             {Stuck: true},
		"weak":              {Weak: true},
		"stuck,weak,1a,8bg": {Stuck: true, Weak: true, Missing: [maxDigits]Segments{SegmentA, 7: SegmentB | SegmentG}},
	} {
		got, err := ParseFaults(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	got, err := ParseFaults("3g,weak,3ga")
	require.NoError(t, err)
	require.Equal(t, "weak,3ag", got.String())
	for _, text := range []string{"sad", ",", "stuck,", "0a", "9a", "3", "3h", "33", "Weak", "3A"} {
		_, err := ParseFaults(text)
		require.Error(t, err, text)
		f := Faults{Weak: true}
		require.Error(t, f.UnmarshalText([]byte(text)), text)
		require.Equal(t, Faults{Weak: true}, f)
	}
	rapid.Check(t, func(t *rapid.T) {
		faults := drawFaults(t)
		var again Faults
		text, err := faults.MarshalText()
		require.NoError(t, err)
		require.NoError(t, again.UnmarshalText(text))
		require.Equal(t, faults, again)
	})
}

func TestABrokenFob(t *testing.T) {
	f := newFob(t, perfect)
	require.NoError(t, f.Break(after(1), Faults{Stuck: true, Weak: true, Missing: [maxDigits]Segments{1: SegmentG}}))
	require.Equal(t, "stuck,weak,2g", f.Faults().String())
	require.True(t, f.Held(), "stuck is held")
	d := f.Display()
	require.True(t, d.Dim)
	require.False(t, d.LowBattery)
	f.Release(after(2))
	require.True(t, f.Held(), "it does not come back")
	require.NoError(t, f.Break(after(3), Faults{}))
	require.Equal(t, Display{Lit: true, Code: d.Code, Step: d.Step, Until: after(23)}, f.Display(), "mended, and let go")

	require.ErrorContains(t, f.Break(after(4), Faults{Weak: true, Missing: [maxDigits]Segments{6: SegmentA}}), "6 digits")
	require.ErrorContains(t, f.Break(after(4), Faults{Missing: [maxDigits]Segments{0x80}}), "use a to g")
	require.Zero(t, f.Faults())
	require.ErrorContains(t, newFob(t, app).Break(birth, Faults{Stuck: true}), "no button")
}

func TestAnOpenedFobHasNoSeed(t *testing.T) {
	for name, change := range map[string]func(*Config){"lit": func(*Config) {}, "always lit": app, "programmable": programmable(Unrestricted)} {
		t.Run(name, func(t *testing.T) {
			f := newFob(t, change)
			f.Press(after(1))
			last, _ := f.LastShown()
			require.False(t, f.Wiped())
			secret := f.Secret()
			require.Equal(t, rfcSeed, secret)
			clear(secret)
			require.Equal(t, rfcSeed, f.Secret(), "a copy")
			f.Open(after(2))
			require.Nil(t, f.Secret())
			require.True(t, f.Wiped())
			require.True(t, f.Opened())
			f.Press(after(3))
			require.Zero(t, f.Display())
			_, err := f.Peek(0)
			require.ErrorContains(t, err, "lost its seed")
			require.ErrorContains(t, f.Burn(after(4), rfcSeed), "token: fob")
			still, _ := f.LastShown()
			require.Equal(t, last, still)
			require.NotZero(t, f.Local(after(5)), "the clock runs on")
			require.NotContains(t, string(must(f.MarshalJSON())), "313233")
			same(t, f, clone(t, f))
			f.Rebase(after(6), birth)
			require.Zero(t, f.Display())
			f.Kill(after(7))
			same(t, f, clone(t, f))
		})
	}
	f := new(Fob)
	f.Open(birth)
	require.False(t, f.Opened())
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// The attack on unrestricted tokens: the clock is set ahead, codes of the future are read,
// and the clock is set back.
func TestTheClockOfAnUnrestrictedFobIsSetByAnybody(t *testing.T) {
	f := newFob(t, perfect, programmable(Unrestricted))
	f.Press(after(1))
	tomorrow := after(86_400)
	require.NoError(t, f.SetClock(after(2), tomorrow))
	require.Zero(t, f.Display(), "dark")
	require.Equal(t, tomorrow.Add(time.Second), f.Local(after(3)))
	require.Equal(t, 86_398*time.Second, f.Drift(after(3)))
	f.Press(after(3))
	stolen := f.Display()
	require.Equal(t, Step(tomorrow, unixEpoch, 30*time.Second), stolen.Step)
	same(t, f, clone(t, f))
	require.NoError(t, f.SetClock(after(4), after(4)))
	require.Zero(t, f.Drift(after(1e6)))
	f.Press(tomorrow)
	require.Equal(t, stolen.Code, f.Display().Code)

	lit := newFob(t, app, programmable(Unrestricted))
	require.NoError(t, lit.SetClock(birth, after(30)))
	require.EqualValues(t, 59061240, lit.Display().Step, "always lit: the new step at once")
}

func TestTheClockOfARestrictedFobCostsTheSeed(t *testing.T) {
	f := newFob(t, perfect, programmable(Restricted))
	f.Press(after(1))
	require.NoError(t, f.SetClock(after(2), after(100)))
	require.True(t, f.Wiped())
	require.False(t, f.Opened())
	f.Press(after(3))
	require.Zero(t, f.Display())
	same(t, f, clone(t, f))

	require.ErrorContains(t, f.Burn(after(3), nil), "seed is empty")
	require.NoError(t, f.Burn(after(4), Seed("another seed")))
	_, shown := f.LastShown()
	require.False(t, shown, "a new life")
	f.Press(after(5))
	g, err := NewGenerator(Seed("another seed"), SHA1, 6)
	require.NoError(t, err)
	require.Equal(t, g.Code(uint64(f.StepAt(after(5)))), f.Display().Code)
	require.Equal(t, 98*time.Second, f.Drift(after(6)))
	same(t, f, clone(t, f))
}

func TestASealedFobCannotBeSet(t *testing.T) {
	f := newFob(t)
	require.ErrorContains(t, f.SetClock(birth, birth), "cannot be set")
	require.ErrorContains(t, f.Burn(birth, rfcSeed), "takes no seed")
	same(t, newFob(t), f)
	f = newFob(t, programmable(Restricted))
	for _, to := range []time.Time{{}, unixEpoch.Add(-1), birth.Add(maxSet + 1), horizon} {
		require.ErrorContains(t, f.SetClock(birth, to), "within 100 years")
	}
	same(t, newFob(t, programmable(Restricted)), f)
	require.NoError(t, f.SetClock(birth, birth.Add(maxSet)))
	same(t, f, clone(t, f))

	old := newFob(t, app, programmable(Unrestricted))
	late := birth.Add(99 * year)
	require.ErrorContains(t, old.SetClock(late, late.Add(-maxSet-1)), "within 100 years")
	require.NoError(t, old.SetClock(late, late.Add(-maxSet)))
	same(t, old, clone(t, old))
}

func TestABurntCounterBeginsAnew(t *testing.T) {
	f := newFob(t, eventFob, programmable(Unrestricted), func(c *Config) { c.Counter = 7 })
	f.Press(birth)
	require.Equal(t, "162583", f.Display().Code)
	require.NoError(t, f.Burn(after(1), rfcSeed))
	require.Zero(t, f.Display())
	f.Press(after(1))
	require.Equal(t, "755224", f.Display().Code)
	same(t, f, clone(t, f))
}

func TestBurningAnAlwaysLitFobShowsTheNewCode(t *testing.T) {
	f := newFob(t, app, programmable(Restricted))
	require.NoError(t, f.Burn(after(1), Seed("another seed")))
	require.True(t, f.Display().Lit)
	same(t, f, clone(t, f))
}
