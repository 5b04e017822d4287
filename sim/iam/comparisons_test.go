package iam_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// Whoever signs in with a name that is nobody's waits as long as with somebody's: one comparison each, of the same cost.
func TestWhoIsThereCannotBeMeasured(t *testing.T) {
	var costs []int
	t.Cleanup(iam.Compared(func(cost int) { costs = append(costs, cost) }))
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	settings := iam.Defaults()
	settings.Settle, settings.Lockout = 0, 2
	s, err := iam.New(t.Context(), iam.Config{Store: memory.New(), Chance: sim.NewChance([]byte("c")), Settings: settings}, now)
	require.NoError(t, err)
	do := func(service, action string, params ...string) error {
		form := url.Values{}
		for i := 0; i < len(params); i += 2 {
			form.Set(params[i], params[i+1])
		}
		_, err := s.Do(t.Context(), iam.Call{Service: service, Action: action, Params: form, Caller: s.RootCaller(), Now: now, Wall: now})
		return err
	}
	require.NoError(t, do("signin", "SetRootPassword", "Password", "rootsesame"))
	for _, name := range []string{"bob", "nopass"} {
		require.NoError(t, do("iam", "CreateUser", "UserName", name))
	}
	require.NoError(t, do("iam", "CreateLoginProfile", "UserName", "bob", "Password", "opensesame"))
	for _, tt := range [][]string{
		{"UserName", "bob", "Password", "opensesame"}, {"UserName", "bob", "Password", "guess"}, {"UserName", "bob", "Password", "guess"},
		{"UserName", "bob", "Password", "opensesame"}, // it is locked now
		{"UserName", "nobody", "Password", "opensesame"}, {"UserName", "nopass", "Password", "opensesame"}, {"UserName", "BOB", "Password", "guess"},
		{"Email", iam.DefaultRootEmail, "Password", "guess"}, {"Email", "somebody@example.com", "Password", "guess"},
	} {
		costs = nil
		_ = do("signin", "BeginSignIn", tt...) // what it answers is tested elsewhere
		require.Equal(t, []int{iam.PasswordCost}, costs, "%v", tt)
	}
}
