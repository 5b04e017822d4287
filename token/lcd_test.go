package token

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestArt(t *testing.T) {
	for _, test := range []struct {
		name    string
		display Display
		want    string
	}{
		{"the ten digits, half of them", Display{Lit: true, Code: "012345"}, `
[ _       _   _       _      ]
[| |   |  _|  _| |_| |_      ]
[|_|   | |_   _|   |  _|     ]
`},
		{"the others, and the low-battery sign", Display{Lit: true, Code: "678900", LowBattery: true}, `
[ _   _   _   _   _   _      ]
[|_    | |_| |_| | | | |     ]
[|_|   | |_|  _| |_| |_| batt]
`},
		{"time bars, a cold LCD, and segments that are missing", Display{
			Lit: true, Code: "888888", Dim: true, LowBattery: true, Bars: 4, MaxBars: 6,
			Missing: [maxDigits]Segments{SegmentG, SegmentA | SegmentD | SegmentE | SegmentF | SegmentG, 5: SegmentC},
		}, `
[ _       _   _   _   _  ||||  ]
[| |   | |_| |_| |_| |_| dim   ]
[|_|   | |_| |_| |_| |_  batt  ]
`},
		{"eight digits", Display{Lit: true, Code: "94287082"}, `
[ _       _   _   _   _   _   _      ]
[|_| |_|  _| |_|   | | | |_|  _|     ]
[ _|   | |_  |_|   | |_| |_| |_      ]
`},
		{"dark", Display{}, `
[                            ]
[                            ]
[                            ]
`},
		{"what is no digit is left out", Display{Lit: true, Code: "1x"}, `
[                            ]
[  |                         ]
[  |                         ]
`},
	} {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, "\n"+test.display.Art()) })
	}
}

func TestALCDIsReadAsItLooks(t *testing.T) {
	missing := func(text string) [maxDigits]Segments {
		faults, err := ParseFaults(text)
		require.NoError(t, err)
		return faults.Missing
	}
	for _, test := range []struct{ code, faults, want string }{
		{"0123456789", "", "0123456789"},
		{"888888", "1g,2e,3b,4ef,5be,6defg", "096357"},
		{"1111", "2b,3bc", "1??1"},
		{"12x", "", "12?"},
	} {
		d := Display{Lit: true, Code: test.code, Missing: missing(test.faults)}
		require.Equal(t, test.want, d.Read(), test.faults)
	}
	require.Empty(t, Display{}.Read())
}

func TestTimeBarsGoOutOneByOne(t *testing.T) {
	f := newFob(t, func(c *Config) { c.Profile, _ = ProfileNamed("rsa60"); c.Profile.Bars = 7 }, perfect)
	f.Step(after(10)) // the first instant of a minute
	slice := (60*time.Second + 6) / 7
	for gone := range 7 {
		require.Equal(t, 7-gone, f.Display().Bars)
		next := after(10).Add(min(time.Duration(gone+1)*slice, time.Minute))
		require.Equal(t, next, f.Wake())
		f.Step(next.Add(-1))
		require.Equal(t, 7-gone, f.Display().Bars)
		f.Step(next)
	}
	require.Equal(t, 7, f.Display().Bars, "the next minute")
	require.Equal(t, 7, f.Display().MaxBars)

	frozen := newFob(t, perfect, func(c *Config) { c.Profile.Bars = 6 })
	frozen.Press(after(1))
	require.Equal(t, 2, frozen.Display().Bars)
	frozen.Step(frozen.Wake())
	require.Equal(t, after(5), frozen.now)
	require.Equal(t, 1, frozen.Display().Bars)
	frozen.Step(frozen.Wake())
	require.Equal(t, after(10), frozen.now)
	require.Zero(t, frozen.Display().Bars, "the step of the code is over")
	require.Equal(t, after(21), frozen.Wake())

	odd := newFob(t, perfect, func(c *Config) { c.Profile.Bars = 7 })
	odd.Press(after(9))
	require.Equal(t, after(10), odd.Wake(), "with the step, not with seven equal parts of it, rounded up")
	odd.Step(odd.Wake())
	require.Zero(t, odd.Display().Bars)

	early := newFob(t, app, func(c *Config) { c.Profile.T0, c.Profile.Bars = birth, 3 })
	early.Rebase(birth, birth.Add(-time.Hour))
	require.Equal(t, 3, early.Display().Bars, "before T0")
	require.Equal(t, birth.Add(10*time.Second), early.Wake())
}

func TestTheLCDIsDimInTheCold(t *testing.T) {
	f := newFob(t, perfect, func(c *Config) { c.Profile.LitFor = 24 * time.Hour })
	f.SetTemperature(birth, dimBelow)
	f.Press(birth)
	require.False(t, f.Display().Dim)
	f.SetTemperature(birth, dimBelow-1)
	require.True(t, f.Display().Dim)
	require.False(t, f.Display().LowBattery)

	// -8.3 °C until 11, then warmer; back below -10 °C at 22.
	climate, err := ParseClimate("daily:-20..3.4")
	require.NoError(t, err)
	f.SetClimate(birth, climate)
	f.Press(birth)
	require.True(t, f.Display().Dim, "9 o'clock")
	require.Equal(t, time.Date(2026, 2, 23, 10, 0, 0, 0, time.UTC), f.Wake())
	f.Step(f.Wake())
	require.False(t, f.Display().Dim)
	f.Step(f.Wake())
	require.True(t, f.Display().Dim)
	require.Equal(t, time.Date(2026, 2, 23, 23, 0, 0, 0, time.UTC), f.now)
}

// A held fob is lit for long enough to see the sign come years later, and its nights.
func TestTheLowBatterySignComesAndGoesWithTheCold(t *testing.T) {
	climate, err := ParseClimate("daily:-5..20")
	require.NoError(t, err)
	f := newFob(t, func(c *Config) { c.Profile, _ = ProfileNamed("rsa60"); c.Profile.Bars = 0 })
	f.SetClimate(birth, climate)
	f.profile = func(p Profile) *Profile { p.Step = 1 << 62; return &p }(*f.profile) // nothing else changes
	first := f.Wake()
	require.Equal(t, 4, first.Hour(), "the coldest hour")
	f.Step(first)
	require.True(t, f.Display().LowBattery)
	require.True(t, f.Display().Dim)
	left, _ := f.Battery(first)
	require.InDelta(t, 0.05, left, 0.001)
	f.Step(f.Wake())
	require.Equal(t, first.Add(time.Hour), f.now)
	require.False(t, f.Display().LowBattery, "warmer")
	for range 10_000 {
		wake := f.Wake()
		if wake.IsZero() || wake.Equal(f.ends) {
			break
		}
		f.Step(wake)
	}
	require.True(t, f.Display().LowBattery, "until the end")
	require.Equal(t, f.ends, f.Wake())
}
