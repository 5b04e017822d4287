package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tags returns parameters for tags given as key, value, key, value.
func tags(pairs ...string) []string {
	var out []string
	for i := 0; i < len(pairs); i += 2 {
		at := fmt.Sprintf("Tags.member.%d.", i/2+1)
		out = append(out, at+"Key", pairs[i], at+"Value", pairs[i+1])
	}
	return out
}

func manyTags(from, n int) []string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprint("key", from+i), "v")
	}
	return tags(pairs...)
}

func TestUserTags(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	tag := func(pairs ...string) { c.must("TagUser", append(tags(pairs...), "UserName", "bob")...) }
	listed := func() string {
		answer := c.must("ListUserTags", "UserName", "BOB")
		var out []string
		values := fields(answer, "Value")
		for i, key := range fields(answer, "Key") {
			out = append(out, key+"="+values[i])
		}
		return strings.Join(out, " ")
	}
	require.Equal(t, "<Tags></Tags><IsTruncated>false</IsTruncated>", c.must("ListUserTags", "UserName", "bob"))
	tag("Team", "red", "age", "", "Ünit", "ß x")
	require.Equal(t, "age= Team=red Ünit=ß x", listed())
	t.Run("a key in another case takes the place of the first", func(t *testing.T) {
		tag("TEAM", "blue")
		require.Equal(t, "age= TEAM=blue Ünit=ß x", listed())
	})
	t.Run("a key is removed whatever its case, one that is not there silently", func(t *testing.T) {
		c.must("UntagUser", "UserName", "bob", "TagKeys.member.1", "team", "TagKeys.member.2", "none")
		require.Equal(t, "age= Ünit=ß x", listed())
		c.must("UntagUser", "UserName", "bob", "TagKeys.member.1", "AGE", "TagKeys.member.2", "üNIT")
		require.Empty(t, listed())
		require.NotContains(t, c.must("GetUser", "UserName", "bob"), "Tags")
	})
	t.Run("fifty have room, however they come", func(t *testing.T) {
		c.must("TagUser", append(manyTags(0, 48), "UserName", "bob")...)
		c.must("TagUser", append(manyTags(46, 4), "UserName", "bob")...)
		require.Equal(t, "The number of tags has reached the maximum limit.",
			c.refused("TagUser", append(manyTags(50, 1), "UserName", "bob")...).Message)
		c.must("TagUser", append(manyTags(0, 50), "UserName", "bob")...)
		require.Len(t, strings.Fields(listed()), 50)
	})
}
