package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
	"github.com/mfalab/mfalab/token/seedfile"
)

func TestTheFactoryMakesWhatIsAskedFor(t *testing.T) {
	l := opened(t, still())
	drawn, err := l.NewFob(t.Context(), FobSpec{})
	require.NoError(t, err)
	require.Regexp(t, `^GAHT[0-9]{8}$`, drawn.Serial)
	given, err := l.NewFob(t.Context(), FobSpec{Profile: "ezio", Serial: "GAHT00000001", Seed: []byte("12345678901234567890"), PPM: ppm(20)})
	require.NoError(t, err)
	require.Equal(t, "GAHT00000001", given.Serial)
	code, err := l.Peek(t.Context(), Fobs, "GAHT00000001", 1, false)
	require.NoError(t, err)
	require.Equal(t, "287082", code.Code, "RFC 4226, Appendix D, count 1")
	require.NoError(t, l.Advance(t.Context(), 100*time.Hour))
	shown, err := l.Show(t.Context(), Fobs, "GAHT00000001")
	require.NoError(t, err)
	require.InDelta(t, 7.2, time.Duration(shown.Drift).Seconds(), 0.1)
}

func TestFobsThatCannotBeMadeLeaveNothing(t *testing.T) {
	l := opened(t, still())
	fobOf(t, l, FobSpec{Serial: "GAHT00000001"})
	for want, spec := range map[string]FobSpec{
		"lies on the bench already": {Serial: "GAHT00000001"},
		"no serial number":          {Serial: "short"},
		"not known":                 {Profile: "abacus"},
		"wrong by":                  {PPM: ppm(1001)},
		"the character":             {Serial: "GAHT 00000001"},
	} {
		_, err := l.NewFob(t.Context(), spec)
		require.ErrorContains(t, err, want)
	}
	_, err := l.newFobs(t.Context(), []FobSpec{{Serial: "GAHT00000002"}, {Serial: "GAHT00000002"}})
	require.ErrorContains(t, err, "already")
	_, err = l.newFobs(t.Context(), []FobSpec{{Serial: "GAHT00000003"}, {Serial: "short"}})
	require.Error(t, err)
	list, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	require.Len(t, list, 1)
	fobOf(t, l, FobSpec{Serial: "GAHT00000002"})
	fobOf(t, l, FobSpec{Serial: "GAHT00000003"})
}

// A box has the fobs that as many single calls would have made, and comes whole or not at all.
func TestABoxOfTheFactory(t *testing.T) {
	l, singly := opened(t, still()), opened(t, still())
	box, err := l.NewFobs(t.Context(), FobSpec{Profile: "programmable"}, 5)
	require.NoError(t, err)
	for _, got := range box {
		require.Equal(t, fobOf(t, singly, FobSpec{Profile: "programmable"}), got.Serial)
	}
	require.Zero(t, l.Arrival(), "it is made")
	for want, refused := range map[string]struct {
		spec FobSpec
		n    int
	}{
		"a box of 0 fobs":         {FobSpec{}, 0},
		"a box of 100001 fobs":    {FobSpec{}, MaxBox + 1},
		"leave serial and seed":   {FobSpec{Serial: "GAHT00000001"}, 2},
		"2 fobs have serials and": {FobSpec{Seed: make(Seed, leastSeed)}, 2},
		"wrong by":                {FobSpec{PPM: ppm(1001)}, 3},
	} {
		_, err := l.NewFobs(t.Context(), refused.spec, refused.n)
		require.ErrorContains(t, err, want)
	}
	list, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	require.Len(t, list, len(box))
}

// A disk that is full in the middle of a box takes none of it, and the lab goes on.
func TestABoxThatCannotBeStored(t *testing.T) {
	w := newWall()
	opt := durable(t, w)
	full := false
	var l *Lab
	opt.before = func(step string) error {
		if full && l.Arrival().Stored == 3 {
			return errors.New("the disk is full")
		}
		return nil
	}
	l = opened(t, opt)
	full = true
	_, err := l.NewFobs(t.Context(), FobSpec{}, 7)
	require.ErrorContains(t, err, "the disk is full")
	full = false
	list, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	require.Empty(t, list)
	stored, err := l.files.list(fobsFolder)
	require.NoError(t, err)
	require.Empty(t, stored)
	_, err = l.NewFobs(t.Context(), FobSpec{}, 7)
	require.NoError(t, err)
}

func TestTheAppTakesWhatItScans(t *testing.T) {
	l := opened(t, still())
	uri := seedfile.Record{Type: seedfile.TOTP, Account: "alice", Seed: token.Seed("12345678901234567890"), Algorithm: token.SHA1, Digits: 6, Step: 30 * time.Second}
	shown, err := l.AddApp(t.Context(), uri, "")
	require.NoError(t, err)
	require.Equal(t, "alice", shown.Serial)
	code, err := l.Press(t.Context(), Apps, "alice", PressOptions{Next: true})
	require.NoError(t, err)
	require.Len(t, code.Code, 6)

	uri.Digits = 8
	_, err = l.AddApp(t.Context(), uri, "alice")
	require.NoError(t, err, "a second scan replaces the first")
	code, err = l.Press(t.Context(), Apps, "alice", PressOptions{})
	require.NoError(t, err)
	require.Len(t, code.Code, 8)
	list, err := l.List(t.Context(), Apps)
	require.NoError(t, err)
	require.Len(t, list, 1)

	before := saved(t, l)
	for _, name := range []string{".", "..", "with space", strings.Repeat("n", 257)} {
		_, err := l.AddApp(t.Context(), uri, name)
		require.Error(t, err, name)
	}
	uri.Account = ""
	_, err = l.AddApp(t.Context(), uri, "")
	require.ErrorContains(t, err, "give a name")
	same(t, before, saved(t, l))
}

func TestSecretsDoNotPrint(t *testing.T) {
	secret := "12345678901234567890"
	for _, v := range []any{Seed(secret), FobSpec{Seed: Seed(secret)}, Key{"AKIA", secret}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
			text := fmt.Sprintf(verb, v)
			require.NotContains(t, text, secret)
			require.NotContains(t, text, "3132333435")
			require.NotContains(t, text, "49 50 51")
		}
	}
	var s Seed
	err := s.UnmarshalText([]byte("zz" + secret))
	require.ErrorContains(t, err, "hexadecimal")
	require.NotContains(t, err.Error(), secret)
}
