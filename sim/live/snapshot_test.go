package live

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/token"
)

// furnished does a bit of everything in a lab.
func furnished(t testing.TB, l *Lab) {
	t.Helper()
	a, b := fobOf(t, l, FobSpec{}), fobOf(t, l, FobSpec{PPM: ppm(-20)})
	_, err := l.AddApp(bg(), totp("alice"), "")
	require.NoError(t, err)
	asked(t, l, "CreateUser", "UserName", "alice", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue")
	asked(t, l, "CreateAccessKey", "UserName", "alice")
	asked(t, l, "CreateVirtualMFADevice", "VirtualMFADeviceName", "phone")
	var codes [2]string
	for i := range codes {
		s, err := l.Press(bg(), Fobs, a, PressOptions{Next: true})
		require.NoError(t, err)
		codes[i] = s.Code
	}
	asked(t, l, "EnableMFADevice", "UserName", "alice", "SerialNumber", a, "AuthenticationCode1", codes[0], "AuthenticationCode2", codes[1])
	require.NoError(t, l.Heat(bg(), b, -20))
	require.NoError(t, l.Advance(bg(), 1000*time.Hour))
	_, err = l.Press(bg(), Fobs, b, PressOptions{})
	require.NoError(t, err)
}

func TestASavedLabComesBackWhole(t *testing.T) {
	for name, memory := range map[string]bool{"in memory": true, "in a directory": false} {
		t.Run(name, func(t *testing.T) {
			from := Options{Dir: t.TempDir(), Seed: "one", Virtual: true, Start: start, Plan: &Plan{Account: "111111111111", Alias: "one"}}
			l := opened(t, from)
			furnished(t, l)
			want := saved(t, l)
			require.NoError(t, l.Close())
			same(t, want, saved(t, opened(t, from)), "opened again")

			s, err := ParseSnapshot([]byte(want))
			require.NoError(t, err)
			to := Options{Dir: t.TempDir(), Ephemeral: memory, Wall: newWall().now}
			l = opened(t, to)
			require.NoError(t, l.Load(t.Context(), s))
			same(t, want, saved(t, l))
			require.Equal(t, "111111111111", l.IAM().Account())
			require.Equal(t, "lab.loaded", names(l))
			keys, err := l.Credentials(t.Context())
			require.NoError(t, err)
			require.Equal(t, "111111111111", keys.Account)
			require.NoError(t, l.Close())
			if !memory {
				same(t, want, saved(t, opened(t, to)), "opened again")
			}

			if s, err = ParseSnapshot([]byte(want)); err == nil {
				to.Dir, to.Saved = t.TempDir(), s
				same(t, want, saved(t, opened(t, to)), "a new lab that begins with it")
			}
			require.NoError(t, err)
		})
	}
}

func TestALoadedLabIsResetToItsOwnBeginning(t *testing.T) {
	one := still()
	one.Plan = &Plan{Account: "111111111111", Users: []PlanUser{{Name: "alice", AccessKey: true}}}
	l := opened(t, one)
	beginning := saved(t, l)
	furnishedHere, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	other := still()
	other.Seed = "other"
	l = opened(t, other)
	fobOf(t, l, FobSpec{})
	require.NoError(t, l.Load(t.Context(), furnishedHere))
	fobOf(t, l, FobSpec{})
	require.NoError(t, l.Reset(t.Context()))
	same(t, beginning, saved(t, l))
}

func TestTheSameSeedGivesTheSameLab(t *testing.T) {
	var first string
	for _, memory := range []bool{true, false} {
		opt := still()
		opt.Ephemeral = memory
		l := opened(t, opt)
		furnished(t, l)
		if first == "" {
			first = saved(t, l)
		}
		same(t, first, saved(t, l))
		ids := []string{l.RequestID(), l.RequestID()}
		require.NotEqual(t, ids[0], ids[1])
		require.NoError(t, l.Reset(t.Context()))
		again := l.RequestID()
		require.Equal(t, again, opened(t, still()).RequestID(), "of a new lab")
		furnished(t, l)
		same(t, first, saved(t, l), "after a reset")
	}
	opt := still()
	opt.Seed = "another"
	l := opened(t, opt)
	furnished(t, l)
	require.NotEqual(t, first, saved(t, l))
	opt.Seed = ""
	a, b := saved(t, opened(t, opt)), saved(t, opened(t, opt))
	require.NotEqual(t, a, b, "without a seed no two are alike")
}

func TestASnapshotStandsStill(t *testing.T) {
	l := opened(t, still())
	fob := fobOf(t, l, FobSpec{})
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	before, err := json.Marshal(s)
	require.NoError(t, err)
	press(t, l, fob, PressOptions{})
	asked(t, l, "CreateUser", "UserName", "bob")
	after, err := json.Marshal(s)
	require.NoError(t, err)
	same(t, string(before), string(after))
}

func TestASnapshotThatIsNoneChangesNothing(t *testing.T) {
	opt := durable(t, newWall())
	l := opened(t, opt)
	fobOf(t, l, FobSpec{Serial: fobA})
	whole := saved(t, l)
	files := tree(t, opt.Dir)
	edit := func(old, new string) string {
		require.Contains(t, whole, old)
		return strings.Replace(whole, old, new, 1)
	}
	for want, text := range map[string]string{
		"this is no saved lab:":     `{"mfalab":`,
		"no saved lab of version 1": `{}`,
		"(\"mfalab\": 2)":           edit(`"mfalab":1`, `"mfalab":2`),
		"invalid character":         whole + "x",
		"unknown field \"reset\"":   edit(`"mfalab":1`, `"mfalab":1,"reset":true`),
		"32 bytes":                  edit(`"chance":"`, `"chance":"AAAA`),
		"out of range":              edit(`"rate":1`, `"rate":-1`),
		"from 1970 to 9998":         edit(`"saved":"2026`, `"saved":"1026`),
		"holds no device":           edit(`"fobs":[{`, `"fobs":[{},{`),
		"twice":                     edit(`"fobs":[`, `"fobs":[`+whole[strings.Index(whole, `{"fob"`):strings.Index(whole, `],"apps"`)]+`,`),
		"its account is missing":    edit(`"account":{"account":{"account"`, `"account":{"account":{"nothing"`),
		"does not know":             edit(`"userid":{`, `"useless":{`),
		"restore an unedited copy":  edit(`"presses":0`, `"presses":-5`),
		"give 12 digits":            edit(`"apps":[]`, `"apps":[],"plan":{"set":["nothing"]}`),
	} {
		if want == "give 12 digits" {
			want = "nothing"
		}
		_, err := ParseSnapshot([]byte(text))
		require.ErrorContains(t, err, want)
		s := &Snapshot{}
		if json.Unmarshal([]byte(text), s) == nil && want != `unknown field "reset"` {
			require.Error(t, l.Load(t.Context(), s), want)
			_, err = Open(t.Context(), Options{Dir: t.TempDir(), Saved: s, Ephemeral: true})
			require.Error(t, err, want)
		}
	}
	// What only the store finds out changes nothing either.
	s, err := ParseSnapshot([]byte(whole))
	require.NoError(t, err)
	s.Account["account"]["account"] = "{"
	require.ErrorContains(t, l.Load(t.Context(), s), "damaged")
	same(t, whole, saved(t, l))
	require.Equal(t, files, tree(t, opt.Dir))
}

func TestAFobInASnapshotMustBeWhole(t *testing.T) {
	l := opened(t, still())
	s, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	for _, d := range []Device{{}, {Fob: &token.Fob{}}} {
		s.Fobs = []Device{d}
		require.ErrorContains(t, l.Load(t.Context(), s), "holds no device")
	}
}

func TestOnlyOneOfManyLoadsIsThere(t *testing.T) {
	l := opened(t, still())
	other := savedElsewhere(t)
	done := make(chan error)
	for range 4 {
		go func() { done <- l.Load(bg(), other(t)) }()
		go func() { done <- l.Reset(bg()) }()
		go func() { _, err := l.NewFob(bg(), FobSpec{}); _ = err; done <- nil }() // its account may be another by then
	}
	for range 12 {
		require.NoError(t, <-done)
	}
	require.NoError(t, l.Reset(bg()))
	here, there := opened(t, still()), opened(t, still())
	require.NoError(t, there.Load(bg(), other(t)))
	require.NoError(t, there.Reset(bg()))
	require.Contains(t, []string{saved(t, here), saved(t, there)}, saved(t, l))
}
