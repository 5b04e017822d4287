package live

import (
	"encoding/xml"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

const fullPlan = `{
	"account": "111111111111", "alias": "full",
	"set": ["devices-per-user=2"], "weaken": ["replay"],
	"texts": {"NoSuchEntity.user": "nobody"},
	"start": "2026-06-01T12:00:00Z", "rate": 0,
	"fobs": [{"serial": "GAHT00000001", "seed": "3132333435363738393031323334353637383930", "ppm": 0}, {"count": 3}],
	"users": [{"name": "carol", "path": "/ops/", "password": "Correct-Horse-7", "tags": {"team": "blue", "floor": "2"},
		"accessKey": true, "fobs": ["GAHT00000001"]}, {"name": "bob"}]
}`

func planOf(t *testing.T, text string) *Plan {
	t.Helper()
	p, err := ParsePlan([]byte(text))
	require.NoError(t, err)
	return p
}

func TestEveryWordOfAPlanIsFollowed(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Seed: "test", Plan: planOf(t, fullPlan)}
	for id := range opt.Plan.Texts {
		delete(opt.Plan.Texts, id)
	}
	l := opened(t, opt)
	require.True(t, l.Fresh())
	require.Equal(t, "111111111111", l.IAM().Account())
	require.Equal(t, time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), labTime(l.Clock()))
	require.Zero(t, l.Clock().Rate())
	require.Equal(t, []string{"replay"}, l.IAM().Settings().Weakened())
	fobs, err := l.List(t.Context(), Fobs)
	require.NoError(t, err)
	require.Len(t, fobs, 4)
	keys, err := l.Credentials(t.Context())
	require.NoError(t, err)
	require.Len(t, keys.Users, 2)
	require.Regexp(t, "^AKIA", keys.Users["carol"].AccessKeyID)

	whole := saved(t, l) // before anything is asked: reading leaves its trail
	for action, want := range map[string]string{
		"ListAccountAliases": "full", "ListUserTags": "blue", "GetUser": "/ops/", "GetLoginProfile": "carol", "ListMFADevices": "GAHT00000001",
	} {
		params := []string{"UserName", "carol"}
		if action == "ListAccountAliases" {
			params = nil
		}
		b, err := xml.Marshal(asked(t, l, action, params...))
		require.NoError(t, err)
		require.Contains(t, string(b), want)
	}
	asked(t, l, "GetUser", "UserName", "bob")

	furnished(t, l)
	require.NoError(t, l.Reset(t.Context()))
	s, again := whole, saved(t, l)
	require.Equal(t, len(s), len(again), "a password's hash has its own salt; all else is the same")
	require.NoError(t, l.Close())

	same(t, again, saved(t, opened(t, Options{Dir: opt.Dir})), "the plan is kept")
}

func TestATextOfThePlanIsUsed(t *testing.T) {
	var id string
	for _, text := range iam.Texts() {
		id = text.ID
		break
	}
	opt := still()
	opt.Plan = &Plan{Texts: map[string]string{id: "something else"}}
	opened(t, opt)
	opt.Dir, opt.Plan.Texts = t.TempDir(), map[string]string{"no such text": "x"}
	_, err := Open(t.Context(), opt)
	require.ErrorContains(t, err, "no such text")
}

func TestAPlanWithASlipIsRefused(t *testing.T) {
	for want, text := range map[string]string{
		"unknown field":            `{"fob": []}`,
		"unknown field \"nam\"":    `{"users": [{"nam": "alice"}]}`,
		"no plan of a lab":         `{`,
		"something follows":        `{} {}`,
		"hexadecimal":              `{"fobs": [{"seed": "xyz"}]}`,
		"a count is 1 to":          `{"fobs": [{"count": -1}]}`,
		"only fobs without serial": `{"fobs": [{"count": 2, "serial": "GAHT00000001"}]}`,
		"100000, and only":         `{"fobs": [{"count": 100001}]}`,
		"window":                   `{"set": ["window=x"]}`,
		"nonsense":                 `{"weaken": ["nonsense"]}`,
	} {
		_, err := ParsePlan([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	p, err := ParsePlan([]byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, &Plan{}, p)
}

func TestAPlanThatCannotBeFollowedLeavesNoLab(t *testing.T) {
	for want, text := range map[string]string{
		"12 digits":        `{"account": "12"}`,
		"accountAlias":     `{"alias": "Not An Alias"}`,
		"out of range":     `{"rate": -1}`,
		"cannot show":      `{"start": "1900-01-01T00:00:00Z"}`,
		"no serial number": `{"fobs": [{"serial": "short"}]}`,
		"already":          `{"fobs": [{"serial": "GAHT00000001"}, {"serial": "GAHT00000001"}]}`,
		`user "admin"`:     `{"users": [{"name": "admin"}]}`,
		"no such device":   `{"users": [{"name": "carol", "fobs": ["GAHT00000001"]}]}`,
		`user "alice": `:   `{"users": [{"name": "bob"}, {"name": "alice", "path": "nowhere"}]}`,
		"abacus":           `{"fobs": [{"profile": "abacus"}]}`,
	} {
		opt := Options{Dir: t.TempDir(), Plan: planOf(t, text), Seed: "test", Wall: newWall().now}
		_, err := Open(t.Context(), opt)
		require.ErrorContains(t, err, want)
		require.False(t, Exists(opt.Dir))
		require.False(t, Owned(opt.Dir))
		opt.Plan = &Plan{Account: "222222222222"}
		l := opened(t, opt)
		require.True(t, l.Fresh())
		require.Equal(t, "222222222222", l.IAM().Account(), "the next try is not the worse for it")
		clean := opt
		clean.Dir = t.TempDir()
		same(t, saved(t, opened(t, clean)), saved(t, l))
		require.NoError(t, l.Close())
		opt.Ephemeral, opt.Plan = true, planOf(t, text)
		_, err = Open(t.Context(), opt)
		require.ErrorContains(t, err, want)
	}
}

func TestALabIsMadeByOnePlan(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Plan: planOf(t, `{"account": "111111111111", "weaken": ["replay"]}`)}
	require.NoError(t, opened(t, opt).Close())
	for name, c := range map[string]struct {
		plan   *Plan
		weaken []string
		want   []string
		err    string
	}{
		"none":            {want: []string{"replay"}},
		"the same":        {plan: opt.Plan, want: []string{"replay"}},
		"none, and flags": {weaken: []string{"enrol-reuse"}, want: []string{"replay", "enrol-reuse"}},
		"its account":     {plan: &Plan{Account: "111111111111"}, want: []string{"replay"}},
		"another account": {plan: &Plan{Account: "222222222222"}, err: "leave the account out"},
		"another":         {plan: &Plan{Alias: "x"}, err: "not made by this plan"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Open(t.Context(), Options{Dir: opt.Dir, Plan: c.plan, Weaken: c.weaken})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.False(t, l.Fresh())
			require.ElementsMatch(t, c.want, l.IAM().Settings().Weakened())
			require.NoError(t, l.Close())
		})
	}
	_, err := Open(t.Context(), Options{Dir: t.TempDir(), Weaken: []string{"nonsense"}})
	require.ErrorContains(t, err, "nonsense")
}

func TestASavedLabOfAnotherAccountIsNotBegunWith(t *testing.T) {
	s := savedElsewhere(t)(t)
	opt := Options{Dir: t.TempDir(), Saved: s, Plan: &Plan{Account: "111111111111"}}
	_, err := Open(t.Context(), opt)
	require.ErrorContains(t, err, "999999999999, not 111111111111")
	require.False(t, Exists(opt.Dir))
	opt.Plan, opt.WallOnly = nil, true
	_, err = Open(t.Context(), opt)
	require.ErrorContains(t, err, "not the wall's")
	opt.WallOnly = false
	require.Equal(t, "999999999999", opened(t, opt).IAM().Account())
}
