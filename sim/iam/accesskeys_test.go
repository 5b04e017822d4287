package iam_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAccessKeys(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "Bob")
	made := c.must("CreateAccessKey", "UserName", "bob")
	id := field(made, "AccessKeyId")
	t.Run("an answer has the recorded fields and the secret, once", func(t *testing.T) {
		require.Regexp(t, `^<AccessKey><UserName>Bob</UserName><AccessKeyId>AKIA[A-Z2-7]{16}</AccessKeyId><Status>Active</Status>`+
			`<SecretAccessKey>[A-Za-z0-9+/]{40}</SecretAccessKey><CreateDate>2026-02-17T09:44:55Z</CreateDate></AccessKey>$`, made)
		require.Equal(t, "<AccessKeyMetadata><member><UserName>Bob</UserName><AccessKeyId>"+id+"</AccessKeyId><Status>Active</Status>"+
			"<CreateDate>2026-02-17T09:44:55Z</CreateDate></member></AccessKeyMetadata><IsTruncated>false</IsTruncated>",
			c.must("ListAccessKeys", "UserName", "bob"))
	})
	t.Run("the caller is the default, root too", func(t *testing.T) {
		bob := c.as("Bob")
		own := field(bob.must("CreateAccessKey"), "AccessKeyId")
		require.ElementsMatch(t, []string{id, own}, fields(bob.must("ListAccessKeys"), "AccessKeyId"))
		bob.must("DeleteAccessKey", "AccessKeyId", own)
		roots := c.must("CreateAccessKey")
		require.NotContains(t, roots, "UserName")
		require.Equal(t, []string{field(roots, "AccessKeyId")}, fields(c.must("ListAccessKeys"), "AccessKeyId"))
		c.must("CreateAccessKey")
		require.Equal(t, "LimitExceeded", c.refused("CreateAccessKey").Code)
	})
	t.Run("a key is switched off and on", func(t *testing.T) {
		for _, status := range []string{"Inactive", "Active"} {
			c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", id, "Status", status)
			require.Equal(t, status, field(c.must("ListAccessKeys", "UserName", "bob"), "Status"))
		}
	})
	t.Run("only two, an inactive one counts, a deleted one does not", func(t *testing.T) {
		c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", id, "Status", "Inactive")
		c.must("CreateAccessKey", "UserName", "bob")
		require.Equal(t, "Cannot exceed quota for AccessKeysPerUser: 2", c.refused("CreateAccessKey", "UserName", "bob").Message)
		c.must("DeleteAccessKey", "UserName", "bob", "AccessKeyId", id)
		c.must("CreateAccessKey", "UserName", "bob")
		require.NotContains(t, c.dump(), "key "+id)
	})
	t.Run("the older one comes first", func(t *testing.T) {
		c.must("CreateUser", "UserName", "eve")
		var made []string
		for range 2 {
			made = append(made, field(c.must("CreateAccessKey", "UserName", "eve"), "AccessKeyId"))
			c.wait(time.Hour)
		}
		require.Equal(t, made, c.pages("AccessKeyId", 1, func() {}, "ListAccessKeys", "UserName", "eve"))
	})
	t.Run("another user's key is not there", func(t *testing.T) {
		e := c.refused("DeleteAccessKey", "UserName", "eve", "AccessKeyId", id)
		require.Equal(t, "The Access Key with id "+id+" cannot be found.", e.Message)
		theirs := fields(c.must("ListAccessKeys", "UserName", "bob"), "AccessKeyId")[0]
		require.Equal(t, "NoSuchEntity", c.refused("DeleteAccessKey", "UserName", "eve", "AccessKeyId", theirs).Code)
		require.Equal(t, "NoSuchEntity", c.as("eve").refused("UpdateAccessKey", "AccessKeyId", theirs, "Status", "Inactive").Code)
	})
}

func TestGetAccessKeyLastUsed(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	id := field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
	require.Equal(t, "<UserName>bob</UserName><AccessKeyLastUsed><ServiceName>N/A</ServiceName><Region>N/A</Region></AccessKeyLastUsed>",
		c.must("GetAccessKeyLastUsed", "AccessKeyId", id))
	c.edit("key", id, func(k map[string]any) {
		k["lastUsed"], k["lastUsedService"], k["lastUsedRegion"] = "2026-03-01T00:00:00Z", "sts", "eu-west-1"
	})
	require.Equal(t, "<UserName>bob</UserName><AccessKeyLastUsed><LastUsedDate>2026-03-01T00:00:00Z</LastUsedDate>"+
		"<ServiceName>sts</ServiceName><Region>eu-west-1</Region></AccessKeyLastUsed>", c.must("GetAccessKeyLastUsed", "AccessKeyId", id))
}
