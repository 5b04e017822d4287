package iam_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/memory"
)

// turns is a store that remembers what has been asked of it.
type turns struct {
	iam.Store
	asked []string
}

func (s *turns) View(ctx context.Context, f func(iam.Tx) error) error {
	s.asked = append(s.asked, "view")
	return s.Store.View(ctx, f)
}

func (s *turns) Update(ctx context.Context, f func(iam.Tx) error) error {
	err := s.Store.Update(ctx, f)
	s.asked = append(s.asked, fmt.Sprintf("update %t", err == nil))
	return err
}

func (s *turns) Note(ctx context.Context, f func(iam.Tx) error) error {
	err := s.Store.Note(ctx, f)
	s.asked = append(s.asked, fmt.Sprintf("note %t", err == nil))
	return err
}

// Whoever signs in with a name that is nobody's waits as long as with somebody's: one comparison each, of the same cost, and the
// same turns of the store, which wait for the disk or do not.
func TestWhoIsThereCannotBeMeasured(t *testing.T) {
	var costs []int
	t.Cleanup(iam.Compared(func(cost int) { costs = append(costs, cost) }))
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	store := &turns{Store: memory.New()}
	settings := iam.Defaults()
	settings.Settle, settings.Lockout = 0, 2
	s, err := iam.New(t.Context(), iam.Config{Store: store, Chance: sim.NewChance([]byte("c")), Settings: settings}, now)
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
	var refused []string
	for _, tt := range [][]string{
		{"UserName", "bob", "Password", "opensesame"}, {"UserName", "bob", "Password", "guess"}, {"UserName", "bob", "Password", "guess"},
		{"UserName", "bob", "Password", "opensesame"}, // it is locked now
		{"UserName", "nobody", "Password", "opensesame"}, {"UserName", "nopass", "Password", "opensesame"}, {"UserName", "BOB", "Password", "guess"},
		{"Email", iam.DefaultRootEmail, "Password", "guess"}, {"Email", "somebody@example.com", "Password", "guess"},
	} {
		costs, store.asked = nil, nil
		err := do("signin", "BeginSignIn", tt...)
		require.Equal(t, []int{iam.PasswordCost}, costs, "%v", tt)
		switch {
		case err == nil:
		case refused == nil:
			refused = store.asked
			require.NotEmpty(t, refused)
		default:
			require.Equal(t, refused, store.asked, "%v", tt)
		}
	}
	// And so do the services beside.
	costs = nil
	require.False(t, iam.PasswordMatches("", "guess"))
	require.Equal(t, []int{iam.PasswordCost}, costs)
}
