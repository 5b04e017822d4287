package iam_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestCreateUser(t *testing.T) {
	c := newClerk(t)
	t.Run("an answer has the recorded fields, in whole seconds", func(t *testing.T) {
		answer := c.must("CreateUser", "UserName", "Bob", "Path", "/test//double/",
			"Tags.member.1.Key", "Team", "Tags.member.1.Value", "red")
		id := field(answer, "UserId")
		require.Regexp(t, `^AIDA[A-Z2-7]{17}$`, id)
		require.Equal(t, "<User><Path>/test//double/</Path><UserName>Bob</UserName><UserId>"+id+"</UserId>"+
			"<Arn>arn:aws:iam::123456789012:user/test//double/Bob</Arn><CreateDate>2026-02-17T09:44:55Z</CreateDate>"+
			"<Tags><member><Key>Team</Key><Value>red</Value></member></Tags></User>", answer)
		require.Equal(t, answer, c.must("GetUser", "UserName", "Bob"))
	})
	t.Run("a name is found whatever its case, and shown as it was given", func(t *testing.T) {
		require.Equal(t, "Bob", field(c.must("GetUser", "UserName", "bOB"), "UserName"))
	})
	t.Run("the same seed gives the same IDs", func(t *testing.T) {
		a, b := newClerk(t), newClerk(t)
		require.Equal(t, a.must("CreateUser", "UserName", "x"), b.must("CreateUser", "UserName", "x"))
		require.NotEqual(t, field(a.must("CreateUser", "UserName", "y"), "UserId"),
			field(a.must("CreateUser", "UserName", "z"), "UserId"))
	})
	t.Run("sixty-four at once make one user", func(t *testing.T) {
		var made atomic.Int64
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				name := "race"
				if i%2 == 1 {
					name = "RACE"
				}
				if _, err := c.do("CreateUser", form("UserName", name)); err == nil {
					made.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, made.Load())
	})
	t.Run("the quota is counted", func(t *testing.T) {
		c := newClerk(t)
		c.edit("account", "account", func(a map[string]any) { a["users"] = 4999 })
		c.must("CreateUser", "UserName", "last")
		require.Equal(t, "Cannot exceed quota for UsersPerAccount: 5000", c.refused("CreateUser", "UserName", "more").Message)
		c.must("DeleteUser", "UserName", "last")
		c.must("CreateUser", "UserName", "more")
	})
}

func TestGetUserWithoutAName(t *testing.T) {
	c := newClerk(t)
	t.Run("root has no name and no path", func(t *testing.T) {
		require.Equal(t, "<User><UserId>123456789012</UserId><Arn>arn:aws:iam::123456789012:root</Arn>"+
			"<CreateDate>2026-02-17T09:44:55Z</CreateDate></User>", c.must("GetUser"))
	})
	t.Run("a user is answered itself", func(t *testing.T) {
		c.must("CreateUser", "UserName", "bob")
		require.Equal(t, "bob", field(c.as("bob").must("GetUser"), "UserName"))
	})
	t.Run("a user who is gone has no valid key any more", func(t *testing.T) {
		bob := c.as("bob")
		c.powerless("bob")
		c.must("DeleteUser", "UserName", "bob")
		require.Equal(t, "InvalidClientTokenId", bob.refused("GetUser").Code)
	})
}

func TestUpdateUser(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateUser", "UserName", "eve")
	key := field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
	id := field(c.must("GetUser", "UserName", "bob"), "UserId")
	bob := c.as("bob")
	c.must("UpdateUser", "UserName", "bob", "NewUserName", "Robert", "NewPath", "/ops/")

	t.Run("the new name and path show at once, the ID stays", func(t *testing.T) {
		u := c.must("GetUser", "UserName", "robert")
		require.Equal(t, "arn:aws:iam::123456789012:user/ops/Robert", field(u, "Arn"))
		require.Equal(t, id, field(u, "UserId"))
		require.Equal(t, "NoSuchEntity", c.refused("GetUser", "UserName", "bob").Code)
	})
	t.Run("keys stay, and show the new name", func(t *testing.T) {
		keys := c.must("ListAccessKeys", "UserName", "Robert")
		require.Equal(t, []string{key}, fields(keys, "AccessKeyId"))
		require.Equal(t, "Robert", field(keys, "UserName"))
		require.Equal(t, "Robert", field(bob.must("GetUser"), "UserName"))
	})
	t.Run("the old name is free", func(t *testing.T) {
		c.must("CreateUser", "UserName", "bob")
	})
	t.Run("only the case of the own name may change", func(t *testing.T) {
		c.must("UpdateUser", "UserName", "robert", "NewUserName", "ROBERT")
		require.Equal(t, "ROBERT", field(c.must("GetUser", "UserName", "robert"), "UserName"))
		require.Equal(t, "User with name EVE already exists.", c.refused("UpdateUser", "UserName", "bob", "NewUserName", "EVE").Message)
	})
	t.Run("nothing new is no error", func(t *testing.T) {
		before := c.dump()
		c.must("UpdateUser", "UserName", "eve")
		require.Equal(t, before, c.dump())
	})
}

func TestDeleteUser(t *testing.T) {
	t.Run("one reason after the other stands in the way", func(t *testing.T) {
		c := newClerk(t)
		c.must("CreateUser", "UserName", "bob")
		c.must("CreateLoginProfile", "UserName", "bob", "Password", "correct horse")
		key := field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
		c.edit("user", "bob", func(u map[string]any) { u["devices"] = []string{"GAHT12345678"} })
		require.Equal(t, "DeleteConflict: Cannot delete entity, must delete MFA device first.", c.refused("DeleteUser", "UserName", "bob").Error())
		c.edit("user", "bob", func(u map[string]any) { delete(u, "devices") })
		require.Equal(t, "DeleteConflict: Cannot delete entity, must delete login profile first.", c.refused("DeleteUser", "UserName", "bob").Error())
		c.wait(time.Minute)
		c.must("DeleteLoginProfile", "UserName", "bob")
		require.Equal(t, "DeleteConflict: Cannot delete entity, must delete access keys first.", c.refused("DeleteUser", "UserName", "bob").Error())
		c.must("DeleteAccessKey", "UserName", "bob", "AccessKeyId", key)
		require.Empty(t, c.must("DeleteUser", "UserName", "BOB"))
		require.Equal(t, "NoSuchEntity", c.refused("GetUser", "UserName", "bob").Code)
		require.Equal(t, "NoSuchEntity", c.refused("DeleteUser", "UserName", "bob").Code)
	})
	again := func(t *testing.T, gone time.Duration) *clerk {
		c := newClerk(t)
		c.must("CreateUser", "UserName", "bob")
		c.must("DeleteUser", "UserName", "bob")
		c.wait(gone)
		c.must("CreateUser", "UserName", "Bob")
		return c
	}
	settle := func(c *clerk) time.Duration { return c.service.Settings().Settle }
	t.Run("a user of the same name has to settle", func(t *testing.T) {
		c := again(t, time.Second)
		e := c.refused("UpdateUser", "UserName", "bob", "NewPath", "/x/")
		require.Equal(t, "EntityTemporarilyUnmodifiable", e.Code)
		require.Equal(t, 409, e.Status)
		c.now = c.now.Truncate(time.Second).Add(settle(c) - 1)
		c.refused("UpdateUser", "UserName", "bob", "NewPath", "/x/")
		c.wait(1)
		c.must("UpdateUser", "UserName", "bob", "NewPath", "/x/")
	})
	t.Run("a user of a name that was free for long does not", func(t *testing.T) {
		c := again(t, time.Minute)
		c.must("UpdateUser", "UserName", "bob", "NewPath", "/x/")
	})
	t.Run("a clock that was set back does not make it last", func(t *testing.T) {
		c := again(t, time.Second)
		c.wait(-time.Hour)
		c.must("UpdateUser", "UserName", "bob", "NewPath", "/x/")
	})
}

func TestListUsers(t *testing.T) {
	c := newClerk(t)
	require.Equal(t, "<Users></Users><IsTruncated>false</IsTruncated>", c.must("ListUsers"))
	for i, path := range []string{"/", "/a/", "/a/b/", "/ab/"} {
		c.must("CreateUser", "UserName", fmt.Sprint("user", i), "Path", path, "Tags.member.1.Key", "k", "Tags.member.1.Value", "v")
	}
	for prefix, want := range map[string]string{"/": "user0 user1 user2 user3", "/a": "user1 user2 user3", "/a/": "user1 user2", "/b": ""} {
		t.Run("the prefix "+prefix, func(t *testing.T) {
			answer := c.must("ListUsers", "PathPrefix", prefix)
			require.Equal(t, want, strings.Join(fields(answer, "UserName"), " "))
			require.NotContains(t, answer, "Tags", "a list has no tags")
		})
	}
	t.Run("when a password was used is shown", func(t *testing.T) {
		c.edit("user", "user0", func(u map[string]any) { u["passwordLastUsed"] = "2026-01-01T00:00:00Z" })
		require.Equal(t, "2026-01-01T00:00:00Z", field(c.must("ListUsers"), "PasswordLastUsed"))
	})
}

// A store on a server may have to run an operation again; nothing of the first run may be left.
func TestOperationsRunTwice(t *testing.T) {
	books := func(again bool) map[string]string {
		c := newClerk(t)
		if again {
			c.open(retryingStore{c.store, func(iam.Tx) {}}, nil)
		}
		c.must("CreateUser", append(manyTags(0, 3), "UserName", "bob")...)
		c.must("CreateUser", "UserName", "eve")
		id := field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
		c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", id, "Status", "Inactive")
		c.must("UpdateUser", "UserName", "bob", "NewUserName", "rob")
		c.must("UntagUser", "UserName", "rob", "TagKeys.member.1", "key1")
		c.must("DeleteUser", "UserName", "eve")
		c.must("CreateAccountAlias", "AccountAlias", "lab")
		c.must("GenerateCredentialReport")
		c.must("CreateUser", "UserName", "last")
		return c.dump()
	}
	require.Equal(t, books(false), books(true))
}
