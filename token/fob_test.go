package token

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// birth is ten seconds before two steps that share a code: testdata/corners.txt.
var birth = time.Date(2026, 2, 23, 8, 59, 50, 0, time.UTC)

func newFob(t testing.TB, change ...func(*Config)) *Fob {
	p, err := ProfileNamed("ezio")
	require.NoError(t, err)
	cfg := Config{Profile: p, Serial: "GAHT00000001", Seed: rfcSeed, Born: birth}
	for _, c := range change {
		c(&cfg)
	}
	f, err := NewFob(cfg)
	require.NoError(t, err)
	return f
}

func app(c *Config)             { c.Profile, _ = ProfileNamed("app") }
func eventFob(c *Config)        { c.Profile, _ = ProfileNamed("event") }
func ocraCard(c *Config)        { c.Profile, _ = ProfileNamed("ocra-card") }
func redraws(c *Config)         { c.Profile.Redraw = true }
func perfect(c *Config)         { c.Profile.AgeingPPB, c.Profile.ParabolaPPBPerC2 = 0, 0 }
func weak(c *Config)            { c.Profile.Life, c.Profile.PressesInLife = 1000*time.Hour, 10 }
func after(d float64) time.Time { return birth.Add(time.Duration(d * float64(time.Second))) }

// same says that two fobs are equal to the last bit that can be saved.
func same(t require.TestingT, want, got *Fob, when ...any) {
	w, err := json.Marshal(want)
	require.NoError(t, err)
	g, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, string(w), string(g), when...)
}

func TestPressLightsTheCodeOfTheStep(t *testing.T) {
	f := newFob(t, perfect)
	require.Zero(t, f.Display(), "dark at birth")
	require.Equal(t, "GAHT00000001", f.Serial())
	f.Press(after(1))
	want := Display{Lit: true, Code: "676435", Step: 59061239, Until: after(21)}
	want.Code, _ = f.Peek(59061239)
	require.Equal(t, want, f.Display())

	f.Press(after(9.999))
	want.Until = after(29.999)
	require.Equal(t, want, f.Display(), "a second press in the step shows the same code, for longer")

	f.Step(after(29.998))
	require.Equal(t, want, f.Display(), "a code is frozen beyond its step")
	f.Step(after(29.999))
	require.Zero(t, f.Display(), "dark")

	f.Press(after(30))
	require.Equal(t, Display{Lit: true, Code: "963181", Step: 59061240, Until: after(50)}, f.Display())
	f.Press(after(45))
	require.Equal(t, Display{Lit: true, Code: "963181", Step: 59061241, Until: after(65)}, f.Display(), "another step that has the same code")
}

func TestRedrawingFobShowsTheNewCodeAtTheBoundary(t *testing.T) {
	f := newFob(t, perfect, redraws)
	f.Press(after(1))
	require.Equal(t, after(10), f.Wake())
	f.Step(after(9.999))
	require.EqualValues(t, 59061239, f.Display().Step)
	f.Step(after(10))
	require.Equal(t, Display{Lit: true, Code: "963181", Step: 59061240, Until: after(21)}, f.Display())
	require.Equal(t, after(21), f.Wake())
}

func TestAppIsAlwaysLit(t *testing.T) {
	f := newFob(t, app)
	require.EqualValues(t, 59061239, f.Display().Step)
	require.Equal(t, after(10), f.Wake())
	before, err := json.Marshal(f)
	require.NoError(t, err)
	f.Press(birth)
	after0, err := json.Marshal(f)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after0), "there is no button to press")
	f.Step(after(10))
	require.Equal(t, Display{Lit: true, Code: "963181", Step: 59061240}, f.Display())
	f.Step(after(1e9))
	require.Zero(t, f.Drift(after(1e9)))
	left, dead := f.Battery(after(1e9))
	require.Equal(t, 1.0, left)
	require.False(t, dead)
}

func TestLastShownIsTheHighestStepThatWasSeen(t *testing.T) {
	frozen, redrawing := newFob(t, perfect), newFob(t, perfect, redraws)
	_, ok := frozen.LastShown()
	require.False(t, ok, "nothing was shown yet")
	for _, f := range []*Fob{frozen, redrawing} {
		f.Press(after(1))
		f.Step(after(1000))
	}
	last, ok := frozen.LastShown()
	require.True(t, ok)
	require.EqualValues(t, 59061239, last)
	last, _ = redrawing.LastShown()
	require.EqualValues(t, 59061240, last, "shown while nobody stepped the fob")

	f := newFob(t, perfect, redraws, func(c *Config) { c.Profile.LitFor = 9 * time.Second })
	f.Press(after(1))
	f.Step(after(1000))
	last, _ = f.LastShown()
	require.EqualValues(t, 59061239, last, "dark at the very boundary: the next code was not seen")

	f = newFob(t, perfect, redraws, func(c *Config) { c.Profile.Life, c.Profile.PressesInLife = 10*time.Second, 0 })
	f.Press(after(1))
	f.Step(after(1000))
	last, _ = f.LastShown()
	require.EqualValues(t, 59061239, last, "dead at the boundary, before the LCD would have gone dark")
}

func TestAnEarlierTimeIsTakenAsTheLastOne(t *testing.T) {
	f := newFob(t)
	f.Press(after(1000))
	want := f.Display()
	f.Step(after(1))
	require.Equal(t, want, f.Display())
	f.Press(after(2))
	require.Equal(t, want, f.Display())
	require.Equal(t, f.Local(after(1000)), f.Local(after(3)))
	require.Equal(t, f.StepAt(after(1000)), f.StepAt(after(3)))
}

func TestPeekPressesNothing(t *testing.T) {
	f := newFob(t)
	code, err := f.Peek(59061241)
	require.NoError(t, err)
	require.Equal(t, "963181", code)
	require.Zero(t, f.Display())
	_, ok := f.LastShown()
	require.False(t, ok)
	_, err = f.Peek(-1)
	require.ErrorContains(t, err, "step -1")
	_, err = f.Peek(math.MaxInt64)
	require.NoError(t, err)
}

func TestRebaseKeepsTheFobAndMovesTheWorld(t *testing.T) {
	f := newFob(t, func(c *Config) { c.TolerancePPB = 20_000 })
	now := birth.Add(1000 * 24 * time.Hour)
	f.Press(now)
	drift, last := f.Drift(now), f.Display().Step
	left, _ := f.Battery(now)
	f.Rebase(now, birth)
	require.Zero(t, f.Display(), "dark")
	require.Equal(t, drift, f.Drift(birth))
	again, _ := f.Battery(birth)
	require.Equal(t, left, again)
	shown, _ := f.LastShown()
	require.Equal(t, last, shown)
	f.Press(birth)
	require.Less(t, f.Display().Step, last)
	shown, _ = f.LastShown()
	require.Equal(t, last, shown, "the highest ever")

	year := 365 * 24 * time.Hour
	stay := newFob(t, func(c *Config) { c.TolerancePPB = 20_000 })
	stay.Press(now)
	stay.Step(now.Add(time.Minute))
	require.Equal(t, stay.Drift(now.Add(year)), f.Drift(birth.Add(year)), "it ages on as if nothing had happened")

	lit := newFob(t, app)
	lit.Rebase(birth, unixEpoch.Add(time.Minute))
	require.EqualValues(t, 2, lit.Display().Step)
	require.Equal(t, unixEpoch.Add(90*time.Second), lit.Wake())
}

func TestAClockBeforeT0StaysInStepZero(t *testing.T) {
	f := newFob(t, app, func(c *Config) { c.Profile.T0 = birth })
	f.Rebase(birth, birth.Add(-time.Hour))
	require.Zero(t, f.Display().Step)
	require.Equal(t, birth.Add(30*time.Second), f.Wake())
}

func TestTimesOutsideTheWorldAreTheNearestInside(t *testing.T) {
	f := newFob(t, app)
	f.Rebase(birth, time.Time{})
	require.Equal(t, unixEpoch, f.Local(time.Time{}))
	f.Step(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, horizon, f.Local(horizon.Add(time.Hour)))
	require.Zero(t, f.Wake(), "nothing happens after the end of the world")
	require.Zero(t, newFob(t, func(c *Config) { c.Born = horizon }).Wake(), "not even the end of a battery")
	require.Zero(t, f.StepBegins(math.MaxInt64))
	require.Zero(t, f.StepBegins(math.MinInt64))
}

func TestNewFobRefusesWhatNoFobCanBe(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"no profile", `profile "" is not known; use one of ezio, app, `, func(c *Config) { c.Profile = Profile{} }},
		{"a profile of another name", `"mine"`, func(c *Config) { c.Profile.Name = "mine" }},
		{"nine digits", "9 digits", func(c *Config) { c.Profile.Digits = 9 }},
		{"no algorithm", "number 7", func(c *Config) { c.Profile.Algorithm = 7 }},
		{"no step", "step of 0s", func(c *Config) { c.Profile.Step = 0 }},
		{"T0 before 1970", "counts steps from", func(c *Config) { c.Profile.T0 = time.Time{} }},
		{"a negative time-out", "lit for -1ns", func(c *Config) { c.Profile.LitFor = -1 }},
		{"always lit and frozen", "must redraw", func(c *Config) { c.Profile.LitFor = 0 }},
		{"lit for days", "lit for 24h0m0.000000001s", func(c *Config) { c.Profile.LitFor = 24*time.Hour + 1 }},
		{"a negative life", "battery for -1ns", func(c *Config) { c.Profile.Life = -1 }},
		{"negative presses", "-1 presses", func(c *Config) { c.Profile.PressesInLife = -1 }},
		{"an unknown factor", "moves by 3", func(c *Config) { c.Profile.Factor = 3 }},
		{"events with a step", "counts no time", func(c *Config) { c.Profile.Factor = EventBased }},
		{"a suite without a keypad", "no challenge-response card", func(c *Config) { c.Profile.Suite = "OCRA-1:HOTP-SHA1-6:QN08" }},
		{"a keypad without a suite", "not of the form", func(c *Config) { ocraCard(c); c.Profile.Suite = "" }},
		{"a suite with a PIN", "use one with QN", func(c *Config) { ocraCard(c); c.Profile.Suite += "-PSHA1" }},
		{"a suite of eight digits", "says otherwise", func(c *Config) { ocraCard(c); c.Profile.Digits = 8 }},
		{"an unknown setting", "clock of kind 3", func(c *Config) { c.Profile.Setting = 3 }},
		{"eleven time bars", "11 time bars", func(c *Config) { c.Profile.Bars = 11 }},
		{"a counter where time counts", "counter 1", func(c *Config) { c.Counter = 1 }},
		{"a counter below zero", "counter -1", func(c *Config) { eventFob(c); c.Counter = -1 }},
		{"a negative spread", "tolerance (ppb) of -1", func(c *Config) { c.Profile.TolerancePPB = -1 }},
		{"ageing without measure", "ageing (ppb)", func(c *Config) { c.Profile.AgeingPPB = 100_001 }},
		{"a parabola upside down", "parabola (ppb/°C²)", func(c *Config) { c.Profile.ParabolaPPBPerC2 = -1 }},
		{"a turnover in the fire", "turnover (m°C)", func(c *Config) { c.Profile.TurnoverMilliC = 85_001 }},
		{"no serial", "1 to 256 characters", func(c *Config) { c.Serial = "" }},
		{"a serial with a line end", "the character '\\n'", func(c *Config) { c.Serial = "GAHT\n" }},
		{"no seed", "seed is empty", func(c *Config) { c.Seed = nil }},
		{"no crystal", "off by 1000001 ppb", func(c *Config) { c.TolerancePPB = 1_000_001 }},
		{"no birthday", "born at", func(c *Config) { c.Born = time.Time{} }},
		{"born after the end of the world", "born at", func(c *Config) { c.Born = horizon.Add(1) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, _ := ProfileNamed("ezio")
			cfg := Config{Profile: p, Serial: "GAHT00000001", Seed: rfcSeed, Born: birth}
			test.change(&cfg)
			_, err := NewFob(cfg)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestNewFobKeepsNoReferenceToTheSeed(t *testing.T) {
	seed := append(Seed(nil), rfcSeed...)
	f := newFob(t, func(c *Config) { c.Seed = seed })
	clear(seed)
	same(t, newFob(t), f)
}

func TestProfileNumbersMayBeChanged(t *testing.T) {
	f := newFob(t, func(c *Config) {
		c.Profile.Digits, c.Profile.Algorithm, c.Profile.Step, c.Seed = 8, SHA256, time.Minute, Seed("12345678901234567890123456789012")
	})
	f.Press(birth)
	require.Equal(t, birth.Unix()/60, f.Display().Step)
	code, err := f.Peek(1111111109 / 30)
	require.NoError(t, err)
	require.Equal(t, "68084774", code)
	require.Equal(t, 8, f.Profile().Digits)
}

func TestPressAllocatesNothing(t *testing.T) {
	if race {
		return
	}
	f, now := newFob(t), birth
	require.Zero(t, testing.AllocsPerRun(100, func() {
		now = now.Add(30 * time.Second)
		f.Press(now)
		f.Step(f.Wake())
	}))
}

// drawFob draws a fob with every kind of display, battery and crystal.
func drawFob(t *rapid.T) *Fob {
	p := rapid.SampledFrom(Profiles()).Draw(t, "profile")
	if p.Factor == TimeBased {
		p.Redraw = p.LitFor == 0 || rapid.Bool().Draw(t, "redraw")
		p.Step = time.Duration(rapid.Int64Range(1e9, 100e9).Draw(t, "step"))
		p.Bars = rapid.IntRange(0, maxBars).Draw(t, "bars")
	}
	p.LitFor *= time.Duration(rapid.IntRange(1, 10).Draw(t, "lit"))
	if p.Life > 0 {
		p.Life = time.Duration(rapid.Int64Range(1, int64(p.Life)).Draw(t, "life"))
		p.PressesInLife = rapid.Int64Range(0, 20).Draw(t, "presses")
	}
	p.AgeingPPB = rapid.Int64Range(-maxAgeingPPB, maxAgeingPPB).Draw(t, "ageing")
	p.ParabolaPPBPerC2 = rapid.Int64Range(0, maxParabolaPPB).Draw(t, "parabola")
	f, err := NewFob(Config{
		Profile: p, Serial: "x", Seed: rfcSeed, Born: drawTime(t, "born"),
		TolerancePPB: rapid.Int64Range(-maxTolerancePPB, maxTolerancePPB).Draw(t, "tolerance"),
	})
	require.NoError(t, err)
	return f
}

// drawClimate draws a climate of every kind.
func drawClimate(t *rapid.T) Climate {
	return rapid.OneOf(
		rapid.SampledFrom(places[:]),
		rapid.Map(rapid.Int64Range(minMilliC-1, maxMilliC+1), Constant),
		rapid.Custom(func(t *rapid.T) Climate {
			end := rapid.Int32Range(minMilliC, maxMilliC)
			return Climate{kind: daily, low: end.Draw(t, "night"), high: end.Draw(t, "day")}
		}),
		rapid.Map(rapid.Uint64(), func(seed uint64) Climate { return Climate{kind: random, seed: seed} }),
	).Draw(t, "climate")
}

func drawFaults(t *rapid.T) Faults {
	return Faults{
		Stuck: rapid.Bool().Draw(t, "stuck"), Weak: rapid.Bool().Draw(t, "weak"),
		Missing: [maxDigits]Segments{3: Segments(rapid.IntRange(0, 127).Draw(t, "missing"))},
	}
}

// endless gives f a battery for ever.
func endless(f *Fob) {
	own := *f.profile
	own.Life = 0
	f.profile, f.battery.life = &own, 0
	f.reckon()
}

// drawSpan draws a time to wait, of any order of magnitude up to ten years.
func drawSpan(t *rapid.T) time.Duration {
	return time.Duration(rapid.Int64Range(0, 1<<rapid.IntRange(1, 58).Draw(t, "bits")).Draw(t, "wait"))
}

// A copy of a fob that is stepped at every wake, and at moments in between, is at every
// event equal to one that is never stepped; and between wakes the LCD does not change.
func TestSteppingOftenOrSeldomIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seldom := drawFob(t)
		often := clone(t, seldom)
		now := seldom.now
		for range rapid.IntRange(1, 10).Draw(t, "events") {
			next := inWorld(now.Add(drawSpan(t)))
			climate, left, faults := drawClimate(t), rapid.Float64Range(-0.1, 1.1).Draw(t, "left"), drawFaults(t)
			for range 50 {
				wake := often.Wake()
				require.False(t, !wake.IsZero() && !wake.After(now), "a wake in the past")
				if wake.IsZero() || !wake.Before(next) {
					break
				}
				quiet, shown := wake.Add(-1), often.Display()
				if quiet.After(now) {
					often.Step(now.Add(quiet.Sub(now) / 2))
					require.Equal(t, shown, often.Display())
					often.Step(quiet)
					require.Equal(t, shown, often.Display())
				}
				often.Step(wake)
				require.True(t, shown != often.Display() || often.lcd.phase == dead, "a wake for nothing")
				now = wake
			}
			now = next
			event := rapid.SampledFrom([]func(*Fob){
				func(f *Fob) { f.Step(now) }, func(f *Fob) { f.Press(now) }, func(f *Fob) { f.Press(now) },
				func(f *Fob) { f.SetClimate(now, climate) }, func(f *Fob) { f.SetClimate(now, climate) },
				func(f *Fob) { f.Rebase(now, now.Add(-time.Hour)) },
				func(f *Fob) { f.Hold(now) }, func(f *Fob) { f.Release(now) },
				func(f *Fob) { f.Drain(now, left) },
				func(f *Fob) { _ = f.Break(now, faults) },
				func(f *Fob) { _ = f.SetClock(now, now.Add(time.Duration(1e9*left))) },
				func(f *Fob) { _ = f.Challenge(now, "12345678") },
				func(f *Fob) { _ = f.Burn(now, rfcSeed) },
				func(f *Fob) { f.Open(now) },
			}).Draw(t, "event")
			event(seldom)
			event(often)
			now = seldom.now
			same(t, seldom, often)
			same(t, seldom, clone(t, seldom), "saved and loaded")
		}
	})
}

// clone saves and loads a fob.
func clone(t require.TestingT, f *Fob) *Fob {
	data, err := json.Marshal(f)
	require.NoError(t, err)
	var g Fob
	require.NoError(t, json.Unmarshal(data, &g), string(data))
	return &g
}

func ExampleFob() {
	profile, _ := ProfileNamed("ezio")
	now := time.Date(2026, 2, 23, 9, 0, 0, 0, time.UTC)
	fob, err := NewFob(Config{Profile: profile, Serial: "GAHT00000001", Seed: Seed("12345678901234567890"), Born: now})
	if err != nil {
		fmt.Println(err)
		return
	}
	fob.Press(now)
	fmt.Println(fob.Display().Code, fob.Wake().Sub(now))
	fob.Step(fob.Wake())
	fmt.Println(fob.Display().Lit)
	// Output:
	// 963181 20s
	// false
}

func BenchmarkPressAndStep(b *testing.B) {
	b.ReportAllocs()
	f, now := newFob(b, func(c *Config) { c.Profile.Life = 0 }), birth
	for b.Loop() {
		now = now.Add(time.Second)
		f.Press(now)
		now = f.Wake()
		f.Step(now)
	}
}

func BenchmarkPressAndDisplay(b *testing.B) {
	b.ReportAllocs()
	f, now := newFob(b, func(c *Config) { c.Profile.Life = 0 }), birth
	for b.Loop() {
		now = now.Add(30 * time.Second)
		f.Press(now)
		if !f.Display().Lit {
			b.Fatal("dark")
		}
	}
}
