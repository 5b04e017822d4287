package token

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The states in testdata were written by the version in their name, and stay. What was
// written by version 1 is written as version 2, with the same fields.
func TestStatesOnFileAreReadAndWrittenByteForByte(t *testing.T) {
	for file, want := range map[string]*Fob{
		"lit.v1.fob": neverPressed(litFob(t)), "app.v1.fob": newFob(t, app), "dead.v1.fob": neverPressed(deadFob(t)),
		"lit.v2.fob": litFob(t), "broken.v2.fob": brokenFob(t), "opened.v2.fob": openedFob(t), "card.v2.fob": card(t),
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + file)
			require.NoError(t, err)
			var f Fob
			require.NoError(t, json.Unmarshal(data, &f))
			same(t, want, &f)
			again, err := json.Marshal(&f)
			require.NoError(t, err)
			data = bytes.Replace(bytes.TrimSpace(data), []byte(`"version":1`), []byte(`"version":2`), 1)
			require.Equal(t, string(data), string(again))
			require.Equal(t, want.Display(), f.Display())
			require.Equal(t, want.Profile(), f.Profile())
		})
	}
}

// neverPressed forgets what version 1 did not know.
func neverPressed(f *Fob) *Fob {
	f.pressed = time.Time{}
	return f
}

// Version 1 knew no cold that withholds charge.
func TestAFobOfVersion1InTheColdMayBeDeadNow(t *testing.T) {
	data, err := os.ReadFile("testdata/lit.v1.fob")
	require.NoError(t, err)
	data = bytes.Replace(data, []byte(`"milli_c":31500`), []byte(`"milli_c":-20000`), 1)
	var f Fob
	require.NoError(t, json.Unmarshal(bytes.Replace(data, []byte(`"presses":1,`), []byte(`"presses":11000,`), 1), &f))
	require.True(t, f.Display().Lit)
	require.NoError(t, json.Unmarshal(bytes.Replace(data, []byte(`"presses":1,`), []byte(`"presses":11300,`), 1), &f))
	_, dead := f.Battery(f.now)
	require.True(t, dead)
	clone(t, &f)
}

func TestVersion1HasNoFieldOfVersion2(t *testing.T) {
	for name, old := range map[string]*Fob{"broken": brokenFob(t), "opened": openedFob(t), "card": card(t), "pressed": litFob(t)} {
		data, err := json.Marshal(old)
		require.NoError(t, err)
		f := newFob(t)
		require.ErrorContains(t, f.UnmarshalJSON(bytes.Replace(data, []byte(`"version":2`), []byte(`"version":1`), 1)), "field of version 2", name)
		same(t, newFob(t), f)
	}
	data, err := os.ReadFile("testdata/dead.v1.fob")
	require.NoError(t, err)
	require.ErrorContains(t, new(Fob).UnmarshalJSON(bytes.Replace(data, []byte(`"dead"`), []byte(`"wiped"`), 1)), "field of version 2")
}

func TestNobodyHoldsADeadFob(t *testing.T) {
	data, err := json.Marshal(deadFob(t))
	require.NoError(t, err)
	data = bytes.Replace(data, []byte(`"pressed"`), []byte(`"held_since":"2026-02-23T10:59:50Z","pressed"`), 1)
	require.ErrorContains(t, new(Fob).UnmarshalJSON(data), "nobody holds")
}

// litFob has a value that is not zero in every field.
func litFob(t testing.TB) *Fob {
	f := newFob(t, func(c *Config) { c.TolerancePPB = -4321 })
	f.SetTemperature(birth.Add(time.Hour+1), 31_500)
	f.Press(birth.Add(2 * time.Hour))
	return f
}

func deadFob(t testing.TB) *Fob {
	f := litFob(t)
	f.Kill(birth.Add(3 * time.Hour))
	return f
}

// brokenFob has most of what came with version 2.
func brokenFob(t testing.TB) *Fob {
	f := newFob(t, func(c *Config) {
		c.Profile, _ = ProfileNamed("govcloud")
		c.Profile.Setting, c.TolerancePPB = Unrestricted, 12_345
	})
	climate, err := ParseClimate("cold-car")
	require.NoError(t, err)
	f.SetClimate(birth.Add(time.Hour+1), climate)
	f.Drain(birth.Add(2*time.Hour), 0.75)
	require.NoError(t, f.SetClock(birth.Add(3*time.Hour), birth.Add(year)))
	require.NoError(t, f.Break(birth.Add(4*time.Hour), Faults{Stuck: true, Weak: true, Missing: [maxDigits]Segments{2: SegmentG}}))
	f.Step(birth.Add(5 * time.Hour))
	return f
}

func openedFob(t testing.TB) *Fob {
	f := newFob(t, eventFob, func(c *Config) { c.Counter = 41 })
	f.Press(birth)
	f.Open(birth.Add(time.Hour))
	return f
}

// card shows an answer.
func card(t testing.TB) *Fob {
	f := newFob(t, ocraCard)
	f.SetClimate(birth, Climate{kind: random, seed: 7})
	require.NoError(t, f.Challenge(birth.Add(time.Hour), "00000000"))
	return f
}

func TestWhiteSpaceIsNoDifference(t *testing.T) {
	data, err := json.MarshalIndent(litFob(t), "", "  ")
	require.NoError(t, err)
	var f Fob
	require.NoError(t, json.Unmarshal(data, &f))
	same(t, litFob(t), &f)
}

func TestStateRefuses(t *testing.T) {
	good, err := json.Marshal(litFob(t))
	require.NoError(t, err)
	for _, test := range []struct{ name, old, new, want string }{
		{"another version", `"version":2`, `"version":3`, "version 3, this program reads versions 1 and 2"},
		{"version nought", `"version":2`, `"version":0`, "version 0"},
		{"no version", `"version":2,`, ``, "version none"},
		{"a version that is no number", `"version":2`, `"version":"2"`, `field "version"`},
		{"an unknown profile", `"name":"ezio"`, `"name":"ezjo"`, `"ezjo" is not known`},
		{"an unknown field", `"presses":`, `"colour":1,"presses":`, "unknown"},
		{"a missing field", `"presses":1,`, ``, "not in the form"},
		{"a doubled field", `"presses":1`, `"presses":1,"presses":1`, "not in the form"},
		{"a field in other case", `"presses":1`, `"Presses":1`, "not in the form"},
		{"fields in another order", `"drift_ns":-14929201,"drift_as":999995853`, `"drift_as":999995853,"drift_ns":-14929201`, "not in the form"},
		{"another spelling of a number", `"presses":1`, `"presses":1e0`, "not a int64"},
		{"another zone", `"now":"2026-02-23T10:59:50Z"`, `"now":"2026-02-23T11:59:50+01:00"`, "not in the form"},
		{"upper case hex", `"seed":"3132`, `"seed":"3A32`, "not in the form"},
		{"a seed that is not hex", `"seed":"3132`, `"seed":"31x2`, "seed of fob \"GAHT00000001\" is not hex"},
		{"a seed that is a number", `"seed":"3132333435363738393031323334353637383930"`, `"seed":3132333435`, `field "seed"`},
		{"no seed", `"seed":"3132333435363738393031323334353637383930"`, `"seed":""`, "seed is empty"},
		{"no serial", `"serial":"GAHT00000001"`, `"serial":""`, "1 to 256 characters"},
		{"no digits", `"digits":6`, `"digits":0`, "0 digits"},
		{"no algorithm", `"SHA1"`, `"MD5"`, "not understood"},
		{"no step", `"step_ns":30000000000`, `"step_ns":0`, "step of 0s"},
		{"a wild crystal", `"tolerance_ppb":-4321`, `"tolerance_ppb":-1000001`, "off by"},
		{"no year", `"now":"2026-02-23T10:59:50Z"`, `"now":"1969-02-23T10:59:50Z"`, "between 1970 and 9999"},
		{"now before the anchor", `"now":"2026-02-23T10:59:50Z"`, `"now":"2026-02-23T09:00:50Z"`, "born, anchor, now"},
		{"born after the anchor", `"born":"2026-02-23T08:59:50Z"`, `"born":"2026-02-23T10:59:50Z"`, "born, anchor, now"},
		{"melted", `"milli_c":31500`, `"milli_c":85001`, "temperature"},
		{"half a second of drift an hour", `"drift_ns":-14929201`, `"drift_ns":-500000000000`, "drifts so far"},
		{"drift at birth", `"anchor":"2026-02-23T09:59:50.000000001Z"`, `"anchor":"2026-02-23T08:59:50Z"`, "drifts so far"},
		{"too large a fraction", `"drift_as":999995853`, `"drift_as":1000000000`, "drift_as"},
		{"negative presses", `"presses":1`, `"presses":-1`, "number of presses"},
		{"more presses than the battery had", `"presses":1`, `"presses":14001`, "number of presses"},
		{"an empty battery", `"presses":1`, `"presses":14000`, "battery is empty"},
		{"an unknown phase", `"lit"`, `"bright"`, "not understood"},
		{"dark and showing", `"lit"`, `"dark"`, "not lit shows nothing"},
		{"lit for ever", `"until":"2026-02-23T11:00:10Z",`, ``, "until must be there"},
		{"lit until now", `"until":"2026-02-23T11:00:10Z"`, `"until":"2026-02-23T10:59:50Z"`, "in the past or too late"},
		{"lit too long", `"until":"2026-02-23T11:00:10Z"`, `"until":"2026-02-23T11:00:11Z"`, "in the past or too late"},
		{"a step from the future", `"step":59061479,`, `"step":59061480,`, "last_shown"},
		{"both from the future", `"step":59061479,"until":"2026-02-23T11:00:10Z","last_shown":59061479`, `"step":59061480,"until":"2026-02-23T11:00:10Z","last_shown":59061480`, "clock is not in"},
		{"a redrawing LCD of an old step", `"redraw":false,`, `"redraw":true,`, ""},
		{"a step before the first", `"step":59061479,`, `"step":-1,`, "clock is not in"},
		{"a temperature twice", `"milli_c":31500`, `"milli_c":31500,"climate":"drawer"`, "not in the form"},
		{"no temperature", `,"milli_c":31500`, ``, "not in the form"},
		{"a temperature as a climate", `"milli_c":31500`, `"climate":"31.5"`, "not in the form"},
		{"an unknown climate", `"milli_c":31500`, `"climate":"moon"`, "not understood"},
		{"too cold for the charge", `"milli_c":31500},"presses":1,`, `"milli_c":-40000},"presses":9000,`, "cannot bear the cold"},
		{"pressed in the future", `"pressed":"2026-02-23T10:59:50Z"`, `"pressed":"2026-02-23T10:59:51Z"`, "not pushed"},
		{"held in the future", `"pressed":`, `"held_since":"2026-02-23T10:59:51Z","pressed":`, "not pushed"},
		{"held and going dark", `"pressed":`, `"held_since":"2026-02-23T10:59:50Z","pressed":`, "until must be there"},
		{"spent without end", `"pressed":`, `"spent_ns":157680000000000001,"pressed":`, "never had"},
		{"spent below nothing", `"pressed":`, `"spent_ns":-1,"pressed":`, "never had"},
		{"a counter without events", `"lcd":`, `"counter":1,"lcd":`, "counted so far"},
		{"faults that are none", `"lcd":`, `"faults":"","lcd":`, "not in the form"},
		{"an unknown fault", `"lcd":`, `"faults":"sad","lcd":`, "not understood"},
		{"a fault in a digit that is not there", `"lcd":`, `"faults":"7a","lcd":`, "does not have"},
		{"stuck and up", `"lcd":`, `"faults":"stuck","lcd":`, "not down"},
		{"opened and sealed", `"lcd":`, `"opened":true,"lcd":`, "gone and there"},
		{"wiped and there", `"lit"`, `"wiped"`, "gone and there"},
		{"an answer without a challenge", `"last_shown"`, `"challenge":"1","last_shown"`, "answers no challenge"},
		{"an unknown factor", `"turnover_milli_c":25000`, `"turnover_milli_c":25000,"factor":"luck"`, "not understood"},
		{"something after the end", `59061479}}`, `59061479}}{}`, "bad syntax"},
		{"half of it", `,"lcd"`, `,`, "bad syntax"},
		{"nothing", string(good), ``, "bad syntax"},
		{"null", string(good), `null`, "version none"},
		{"another thing", string(good), `[]`, "not a JSON object"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, 1, strings.Count(string(good), test.old), "the case is out of date: %s", good)
			bad := strings.Replace(string(good), test.old, test.new, 1)
			f := newFob(t)
			err := f.UnmarshalJSON([]byte(bad))
			if test.want == "" { // contradicts nothing: the control
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "313233")
			same(t, newFob(t), f, "after an error the fob is what it was")
		})
	}
}

func TestStateOfACardIsChecked(t *testing.T) {
	good, err := json.Marshal(card(t))
	require.NoError(t, err)
	for _, test := range []struct{ old, new, want string }{
		{`"challenge":"00000000"`, `"challenge":"123456789"`, "answers no challenge"},
		{`"challenge":"00000000",`, ``, "answers no challenge"},
		{`"counter":1,`, ``, "not reached"},
		{`"counter":1`, `"counter":18014398509481985`, "counted so far"},
		{`"suite":"OCRA-1:HOTP-SHA1-6:QN08"`, `"suite":"OCRA-1:HOTP-SHA1-6:QA08"`, "use one with QN"},
		{`"seed":"3132333435363738393031323334353637383930"`, `"seed":""`, "seed is empty"},
	} {
		require.Equal(t, 1, strings.Count(string(good), test.old), "the case is out of date: %s", good)
		var f Fob
		require.ErrorContains(t, f.UnmarshalJSON([]byte(strings.Replace(string(good), test.old, test.new, 1))), test.want)
	}
	good, err = json.Marshal(openedFob(t))
	require.NoError(t, err)
	for _, test := range []struct{ old, new, want string }{
		{`"last_shown":41`, `"last_shown":42`, "not reached"},
		{`"wiped"`, `"dark"`, "gone and there"},
		{`"opened":true,`, ``, ""}, // the control: a restricted clock wipes, too
	} {
		require.Equal(t, 1, strings.Count(string(good), test.old), "the case is out of date: %s", good)
		err := new(Fob).UnmarshalJSON([]byte(strings.Replace(string(good), test.old, test.new, 1)))
		if test.want == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, test.want)
		}
	}
}

func TestStateOfAlwaysLitDisplayIsChecked(t *testing.T) {
	good, err := json.Marshal(newFob(t, app))
	require.NoError(t, err)
	for old, want := range map[string]string{
		`"lcd":{"phase":"lit","step":59061239,`: "always lit is dark",
		`"phase":"lit","step":59061239,`:        "clock is not in",
	} {
		replacement := `"lcd":{"phase":"dark",`
		if want == "clock is not in" {
			replacement = `"phase":"lit","step":59061238,`
		}
		var f Fob
		require.ErrorContains(t, f.UnmarshalJSON([]byte(strings.Replace(string(good), old, replacement, 1))), want)
	}
}

func TestZeroFobHasNoState(t *testing.T) {
	_, err := json.Marshal(new(Fob))
	require.ErrorContains(t, err, "never made")
}

// Any bytes are either refused, and the fob is what it was, or are what it writes again;
// and what was accepted can live on.
func FuzzState(f *testing.F) {
	for _, fob := range []*Fob{newFob(f), newFob(f, app), litFob(f), deadFob(f), newFob(f, redraws, weak),
		brokenFob(f), openedFob(f), card(f)} {
		data, err := json.Marshal(fob)
		require.NoError(f, err)
		f.Add(data)
		f.Add(bytes.Replace(data, []byte(`"version":2`), []byte(`"version":1`), 1))
		f.Add(bytes.Replace(data, []byte(`"presses":`), []byte(`"presses":9`), 1))
		f.Add(bytes.Replace(data, []byte(`2026`), []byte(`9999`), 1))
		f.Add(bytes.Replace(data, []byte(`2026`), []byte(`0000`), 1))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fob := litFob(t)
		if err := fob.UnmarshalJSON(data); err != nil {
			same(t, litFob(t), fob)
			require.NotContains(t, err.Error(), hex.EncodeToString(rfcSeed))
			return
		}
		again, err := fob.MarshalJSON()
		require.NoError(t, err)
		var given bytes.Buffer
		require.NoError(t, json.Compact(&given, data))
		if bytes.Contains(again, given.Bytes()[len(`{"version":1`):]) { // the same but for the version
			require.Equal(t, len(given.Bytes()), len(again))
		} else { // what version 1 let live in the cold
			require.True(t, bytes.HasPrefix(given.Bytes(), []byte(`{"version":1`)))
			require.Equal(t, dead, fob.lcd.phase)
		}
		wake := fob.Wake()
		require.False(t, !wake.IsZero() && !wake.After(fob.now))
		for _, event := range []func(){
			func() { fob.Step(wake) }, func() { fob.Press(fob.now) }, func() { fob.Hold(fob.now) },
			func() { fob.SetTemperature(horizon, 0) }, func() { _ = fob.SetClock(fob.now, fob.now) },
			func() { fob.Rebase(horizon, birth) }, func() { fob.Press(horizon) },
		} {
			event()
			if fob.crystal.born.Year() >= 0 { // later by Rebase than a file can say
				clone(t, fob)
			}
		}
	})
}
