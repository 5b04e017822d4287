package token

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryProfileMakesFobs(t *testing.T) {
	require.NotEmpty(t, Profiles())
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			named, err := ProfileNamed(p.Name)
			require.NoError(t, err)
			require.Equal(t, p, named)
			require.NotEmpty(t, p.Title)
			require.NotEmpty(t, p.Source)
			serial, err := p.Serial(1)
			require.NoError(t, err)
			f := newFob(t, func(c *Config) { c.Profile, c.Serial = p, serial })
			require.Equal(t, p, f.Profile())
			require.Equal(t, p, clone(t, f).Profile())
		})
	}
}

func TestProfilesAreACopy(t *testing.T) {
	Profiles()[0].Digits = 8
	require.Equal(t, 6, Profiles()[0].Digits)
}

func TestUnknownProfileNamesTheKnown(t *testing.T) {
	_, err := ProfileNamed("EZIO")
	require.EqualError(t, err, "token: profile \"EZIO\" is not known; use one of ezio, app, display-card, govcloud, event, rsa60, sha256-8, "+
		"programmable, programmable-restricted, ocra-card")
}

func TestSerialNumbersAreThoseOfTheFactory(t *testing.T) {
	p, err := ProfileNamed("ezio")
	require.NoError(t, err)
	for n, want := range map[uint64]string{0: "GAHT00000000", 12345678: "GAHT12345678", 99999999: "GAHT99999999"} {
		got, err := p.Serial(n)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = p.Serial(100_000_000)
	require.ErrorContains(t, err, "at most 8 digits")
}

func TestSerialNumbersOfIAMAreAccepted(t *testing.T) {
	for _, serial := range []string{"GAHT12345678", "ABCD12345678", "20899872", "arn:aws:iam::123456789012:mfa/alice", "a_+=/:,.@-Z"} {
		require.NoError(t, checkSerial(serial))
	}
	for _, serial := range []string{"GAHT 1", "GAHT\x00", "ＧＡＨＴ", "<b>", "\xff"} {
		require.ErrorContains(t, checkSerial(serial), "the character", serial)
	}
}

// facts is what a profile must say where it comes from.
var facts = []string{"serial", "code", "LCD", "life", "tolerance"}

func TestEveryFactHasASourceOrAReason(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			said := map[string]bool{}
			for line := range strings.SplitSeq(p.Source, "\n") {
				fact, why, found := strings.Cut(line, ": ")
				require.True(t, found, line)
				said[fact] = true
				sourced := strings.Contains(why, "(") || strings.Contains(why, "RFC")
				require.True(t, sourced || strings.Contains(why, "because"), "neither a source nor a reason: %s", line)
				require.False(t, strings.Contains(why, "our choice") && !strings.Contains(why, "because"), line)
			}
			for _, fact := range facts {
				require.True(t, said[fact], fact)
			}
			require.True(t, said["step"] || p.Factor == TimeBased)
			require.True(t, said["clock"] || p.Setting == Sealed)
		})
	}
}

func TestTheWordsOfAProfileAreThoseOfItsName(t *testing.T) {
	f := newFob(t, func(c *Config) { c.Profile.Title, c.Profile.Source, c.Profile.Spread = "mine", "me", Uniform })
	want, err := ProfileNamed("ezio")
	require.NoError(t, err)
	require.Equal(t, want, f.Profile())
	require.Same(t, f.profile, clone(t, newFob(t)).profile, "one for all fobs of a model")
	require.Zero(t, new(Fob).Profile())
}

func TestUntrimmedCrystals(t *testing.T) {
	p, err := ProfileNamed("ezio")
	require.NoError(t, err)
	q := p.Untrimmed()
	require.Equal(t, Uniform, q.Spread)
	require.EqualValues(t, 20_000, q.TolerancePPB)
	require.Equal(t, Normal, p.Spread)
}

func TestWordsOfProfiles(t *testing.T) {
	all := map[string]any{"time": TimeBased, "event": EventBased, "challenge": ChallengeResponse, "sealed": Sealed,
		"unrestricted": Unrestricted, "restricted": Restricted, "normal": Normal, "uniform": Uniform}
	for want, value := range all {
		text, err := json.Marshal(value)
		require.NoError(t, err)
		require.Equal(t, `"`+want+`"`, string(text))
	}
	for _, test := range []struct {
		read func([]byte) error
		good []string
	}{
		{new(Factor).UnmarshalText, []string{"time", "event", "challenge"}},
		{new(Setting).UnmarshalText, []string{"sealed", "unrestricted", "restricted"}},
		{new(Spread).UnmarshalText, []string{"normal", "uniform"}},
	} {
		for word := range all {
			require.Equal(t, slices.Contains(test.good, word), test.read([]byte(word)) == nil, word)
		}
	}
	require.Equal(t, "7", Factor(7).String())
}

// On a bench of 10,000 a fob takes less than 2 KiB of the heap, also after it was loaded.
func TestAFobIsSmall(t *testing.T) {
	if race {
		return
	}
	for _, p := range Profiles() {
		size := heapOfAFob(t, p, 1000)
		require.Less(t, size, 2048.0, p.Name)
	}
}

// heapOfAFob returns the bytes that each of n fobs takes.
func heapOfAFob(t testing.TB, p Profile, n int) float64 {
	fobs := make([]*Fob, n)
	made := newFob(t, func(c *Config) { c.Profile = p })
	made.SetClimate(birth, Climate{kind: random, seed: 7})
	data, err := json.Marshal(made)
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range fobs {
		fobs[i] = new(Fob)
		require.NoError(t, json.Unmarshal(data, fobs[i]))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(fobs)
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
}

func BenchmarkHeapOfAFob(b *testing.B) {
	for _, p := range Profiles() {
		b.Run(p.Name, func(b *testing.B) {
			var size float64
			for b.Loop() {
				size = heapOfAFob(b, p, 10_000)
			}
			b.ReportMetric(size, "heap-B/fob")
		})
	}
}
