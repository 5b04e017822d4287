package iam_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
)

// A counting store counts its Views; between runs at the end of each, before the caller learns what it saw.
type countingStore struct {
	iam.Store
	views   int
	between func()
	failing error // what Update says after it has committed
}

func (s *countingStore) View(ctx context.Context, f func(iam.Tx) error) error {
	s.views++
	err := s.Store.View(ctx, f)
	if s.between != nil {
		s.between()
	}
	return err
}

func (s *countingStore) Update(ctx context.Context, f func(iam.Tx) error) error {
	if err := s.Store.Update(ctx, f); err != nil {
		return err
	}
	return s.failing
}

// newWitness returns a clerk whose store is counted, with bob and his access key.
func newWitness(t *testing.T) (c *clerk, store *countingStore, key string) {
	c = newClerk(t)
	store = &countingStore{Store: c.store}
	c.open(store, nil)
	c.must("CreateUser", "UserName", "bob")
	return c, store, field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
}

func TestASignerIsReadOnce(t *testing.T) {
	c, store, key := newWitness(t)
	for range 3 {
		secret, caller, err := c.service.Credential(t.Context(), key, "", c.now)
		require.NoError(t, err)
		require.Len(t, secret, 40)
		require.Equal(t, "bob", caller.UserName)
	}
	require.Equal(t, 1, store.views)
}

func TestAChangeIsSeenByTheNextCall(t *testing.T) {
	for name, change := range map[string]struct {
		do   func(c *clerk, key string)
		want string // the caller's name, "" for a refusal
	}{
		"a key that was made inactive": {func(c *clerk, key string) {
			c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", key, "Status", "Inactive")
		}, ""},
		"a key that was deleted": {func(c *clerk, key string) {
			c.must("DeleteAccessKey", "UserName", "bob", "AccessKeyId", key)
		}, ""},
		"a user with another name": {func(c *clerk, _ string) {
			c.must("UpdateUser", "UserName", "bob", "NewUserName", "rob")
		}, "rob"},
		"an account that was replaced": {func(c *clerk, _ string) {
			require.NoError(c.t, c.service.Restore(c.t.Context(), nil, sim.NewChance([]byte("other")), c.now))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, key := newWitness(t)
			_, _, err := c.service.Credential(t.Context(), key, "", c.now)
			require.NoError(t, err)
			change.do(c, key)
			_, caller, err := c.service.Credential(t.Context(), key, "", c.now)
			require.Equal(t, change.want, caller.UserName)
			require.Equal(t, change.want == "", err != nil, "%v", err)
		})
	}
}

func TestWhatWasReadBeforeAChangeIsNotRemembered(t *testing.T) {
	c, store, key := newWitness(t)
	store.between = func() {
		store.between = nil
		c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", key, "Status", "Inactive")
	}
	_, _, err := c.service.Credential(t.Context(), key, "", c.now)
	require.NoError(t, err, "it was active when it was read")
	_, _, err = c.service.Credential(t.Context(), key, "", c.now)
	require.ErrorContains(t, err, "InvalidClientTokenId")
}

func TestAnUpdateThatFailsMayHaveHappened(t *testing.T) {
	c, store, key := newWitness(t)
	_, _, err := c.service.Credential(t.Context(), key, "", c.now)
	require.NoError(t, err)
	store.failing = errors.New("the power went")
	_, e := c.do("DeleteAccessKey", form("UserName", "bob", "AccessKeyId", key))
	require.Equal(t, "ServiceFailure", e.Code)
	_, _, err = c.service.Credential(t.Context(), key, "", c.now)
	require.ErrorContains(t, err, "InvalidClientTokenId")
}
