package iam_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/mfalab/mfalab/sim/iam"
)

func (c *clerk) user(name string) iam.User {
	var u iam.User
	require.NoError(c.t, json.Unmarshal([]byte(c.dump()["user "+name]), &u))
	return u
}

// opens reports whether the stored hash is that of a password, by the definition: bcrypt over base64 over SHA-256.
func opens(hash, password string) bool {
	sum := sha256.Sum256([]byte(password))
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(base64.StdEncoding.EncodeToString(sum[:]))) == nil
}

func TestLoginProfile(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "Bob")
	t.Run("an answer has the recorded fields", func(t *testing.T) {
		want := "<LoginProfile><UserName>Bob</UserName><CreateDate>2026-02-17T09:44:55Z</CreateDate>" +
			"<PasswordResetRequired>true</PasswordResetRequired></LoginProfile>"
		require.Equal(t, want, c.must("CreateLoginProfile", "UserName", "bob", "Password", "correct horse", "PasswordResetRequired", "true"))
		require.Equal(t, want, c.must("GetLoginProfile", "UserName", "Bob"))
		require.Equal(t, want, c.as("Bob").must("GetLoginProfile"), "the caller is the default")
	})
	t.Run("the password is kept as a hash only", func(t *testing.T) {
		require.True(t, opens(c.user("bob").LoginProfile.Hash, "correct horse"))
		for _, record := range c.dump() {
			require.NotContains(t, record, "correct horse")
		}
	})
	t.Run("a new one cannot be changed until it has settled", func(t *testing.T) {
		for _, action := range []string{"UpdateLoginProfile", "DeleteLoginProfile"} {
			e := c.refused(action, "UserName", "bob", "Password", "other")
			require.Equal(t, "EntityTemporarilyUnmodifiable", e.Code)
			require.Equal(t, 409, e.Status)
			require.Equal(t, "Login Profile for User Bob cannot be modified while login profile is being created.", e.Message)
		}
		c.now = c.now.Truncate(time.Second).Add(c.service.Settings().Settle - 1)
		c.refused("DeleteLoginProfile", "UserName", "bob")
		c.wait(1)
	})
	t.Run("an update changes only what it names", func(t *testing.T) {
		before := *c.user("bob").LoginProfile
		c.must("UpdateLoginProfile", "UserName", "bob", "PasswordResetRequired", "false")
		after := *c.user("bob").LoginProfile
		require.False(t, after.ResetRequired)
		require.Equal(t, before.Hash, after.Hash)
		require.Equal(t, before.Changed, after.Changed)
		c.must("UpdateLoginProfile", "UserName", "bob", "Password", "battery staple")
		last := *c.user("bob").LoginProfile
		require.True(t, opens(last.Hash, "battery staple"))
		require.Equal(t, c.now.Truncate(time.Second), last.Changed)
		require.Equal(t, before.Created, last.Created)
	})
	t.Run("a deleted one is gone, and a new one may come", func(t *testing.T) {
		c.must("DeleteLoginProfile", "UserName", "bob")
		require.Equal(t, "Login Profile for User Bob cannot be found.", c.refused("GetLoginProfile", "UserName", "bob").Message)
		require.Equal(t, "false", field(c.must("CreateLoginProfile", "UserName", "bob", "Password", "x"), "PasswordResetRequired"))
	})
}

// bcrypt itself ends at 72 bytes and at a zero byte.
func TestPasswordsAreHashedToTheirEnd(t *testing.T) {
	c := newClerk(t)
	long := strings.Repeat("ÿ", 127)
	for name, password := range map[string]string{"long": long + "1", "short": "x", "control": "a\tb\nc\rd"} {
		c.must("CreateUser", "UserName", name)
		c.must("CreateLoginProfile", "UserName", name, "Password", password)
		hash := c.user(name).LoginProfile.Hash
		require.True(t, opens(hash, password))
		require.False(t, opens(hash, password[:len(password)-1]+"2"))
		cost, err := bcrypt.Cost([]byte(hash))
		require.NoError(t, err)
		require.Equal(t, iam.PasswordCost, cost)
	}
	require.Equal(t, 8, iam.LabPasswordCost, "what a lab's passwords cost is not what they cost here")
}

// A retryingStore runs every change twice and keeps the second, as one on a server may.
type retryingStore struct {
	iam.Store
	read func(iam.Tx) // looks at what the first run left
}

func (s retryingStore) Update(ctx context.Context, f func(iam.Tx) error) error {
	retry := errors.New("retry")
	err := s.Store.Update(ctx, func(tx iam.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		s.read(tx)
		return retry
	})
	if err != retry {
		return err
	}
	return s.Store.Update(ctx, f)
}

// bcrypt's salt is random: a hash that were made inside the transaction would be another one in each run.
func TestPasswordsAreHashedBeforeTheTransaction(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	var first []byte
	c.open(retryingStore{c.store, func(tx iam.Tx) { first, _ = tx.Get("user", "bob") }}, nil)
	c.must("CreateLoginProfile", "UserName", "bob", "Password", "x")
	require.Equal(t, string(first), c.dump()["user bob"])
}

// A password is in no decision, and no error says it.
func TestPasswordsAreInNoDecision(t *testing.T) {
	c := newClerk(t)
	var seen []string
	c.open(c.store, func(d iam.Decision) {
		b, err := json.Marshal(d)
		require.NoError(t, err)
		seen = append(seen, string(b), fmt.Sprintf("%+v", d))
	})
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateLoginProfile", "UserName", "bob", "Password", "hunter22")
	e := c.refused("CreateLoginProfile", "UserName", "bob", "Password", "hunter22\x00")
	require.NotContains(t, e.Error(), "hunter22")
	require.Len(t, seen, 6)
	for _, d := range seen {
		require.NotContains(t, d, "hunter22")
	}
}
