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

// The states in testdata were written by version 1 of the format, and stay.
func TestStatesOnFileAreReadAndWrittenByteForByte(t *testing.T) {
	for file, want := range map[string]*Fob{
		"testdata/lit.fob":  litFob(t),
		"testdata/app.fob":  newFob(t, app),
		"testdata/dead.fob": deadFob(t),
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var f Fob
			require.NoError(t, json.Unmarshal(data, &f))
			same(t, want, &f)
			again, err := json.Marshal(&f)
			require.NoError(t, err)
			require.Equal(t, string(bytes.TrimSpace(data)), string(again))
			require.Equal(t, want.Display(), f.Display())
			require.Equal(t, want.Profile(), f.Profile())
		})
	}
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
		{"another version", `"version":1`, `"version":2`, "version 2, this program reads version 1"},
		{"no version", `"version":1,`, ``, "version none"},
		{"a version that is no number", `"version":1`, `"version":"1"`, `field "version"`},
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
	for _, fob := range []*Fob{newFob(f), newFob(f, app), litFob(f), deadFob(f), newFob(f, redraws, weak)} {
		data, err := json.Marshal(fob)
		require.NoError(f, err)
		f.Add(data)
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
		require.Equal(t, given.String(), string(again))
		wake := fob.Wake()
		require.False(t, !wake.IsZero() && !wake.After(fob.now))
		for _, event := range []func(){
			func() { fob.Step(wake) }, func() { fob.Press(fob.now) }, func() { fob.SetTemperature(horizon, 0) },
			func() { fob.Rebase(horizon, birth) }, func() { fob.Press(horizon) },
		} {
			event()
			if fob.crystal.born.Year() >= 0 { // later by Rebase than a file can say
				clone(t, fob)
			}
		}
	})
}
