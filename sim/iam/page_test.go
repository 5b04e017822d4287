package iam_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pages reads a list to its end, n at a time, and returns the texts of the elements with a name; between is called after
// every page but the last.
func (c *clerk) pages(element string, n int, between func(), action string, params ...string) []string {
	c.t.Helper()
	var all []string
	for more := []string(nil); ; between() {
		answer := c.must(action, append(append([]string{"MaxItems", strconv.Itoa(n)}, params...), more...)...)
		all = append(all, fields(answer, element)...)
		require.Less(c.t, len(all), 1000, "the list has no end")
		marker := field(answer, "Marker")
		require.Equal(c.t, field(answer, "IsTruncated"), strconv.FormatBool(marker != ""))
		if marker == "" {
			return all
		}
		more = []string{"Marker", marker}
	}
}

func TestPages(t *testing.T) {
	c := newClerk(t)
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("user%03d", i))
		path := "/"
		if i%7 == 0 {
			path = "/seven/"
		}
		c.must("CreateUser", "UserName", names[i], "Path", path)
	}
	nothing := func() {}
	for _, n := range []int{1, 7, 99, 100, 299, 300, 301, 1000} {
		t.Run(fmt.Sprintf("%d at a time, every user comes once", n), func(t *testing.T) {
			require.Equal(t, names, c.pages("UserName", n, nothing, "ListUsers"))
		})
	}
	t.Run("a hundred is the default", func(t *testing.T) {
		require.Len(t, fields(c.must("ListUsers"), "UserName"), 100)
	})
	t.Run("a filtered list has full pages and no empty last one", func(t *testing.T) {
		require.Len(t, c.pages("UserName", 43, func() { t.Error("a second page") }, "ListUsers", "PathPrefix", "/seven/"), 43)
		require.Len(t, c.pages("UserName", 10, nothing, "ListUsers", "PathPrefix", "/seven/"), 43)
	})
	t.Run("what is added and removed between pages moves nothing else", func(t *testing.T) {
		c := newClerk(t)
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			c.must("CreateUser", "UserName", name)
		}
		steps := [][]string{
			{"DeleteUser", "b"},  // the last one handed out
			{"CreateUser", "aa"}, // behind
			{"CreateUser", "dd"}, // ahead
		}
		got := c.pages("UserName", 2, func() {
			for _, s := range steps {
				c.must(s[0], "UserName", s[1])
			}
			steps = nil
		}, "ListUsers")
		require.Equal(t, "a b c d dd e", strings.Join(got, " "))
	})
}

func TestMarkers(t *testing.T) {
	c := newClerk(t)
	for i := range 3 {
		c.must("CreateUser", "UserName", fmt.Sprint("user", i))
	}
	marker := field(c.must("ListUsers", "MaxItems", "1"), "Marker")
	for name, bad := range map[string]string{
		"a name":                         "user1",
		"another account's or a guess":   "AAAAAAAA.user1",
		"one with the end cut off":       marker[:len(marker)-1],
		"one with something added":       marker + "0",
		"one with its key changed":       marker[:len(marker)-1] + "9",
		"a proof without anything":       marker[:8],
		"one as long as a marker can be": strings.Repeat("m", 320),
		"a space":                        " ",
	} {
		t.Run(name+" is no marker", func(t *testing.T) {
			e := c.refused("ListUsers", "Marker", bad)
			require.Equal(t, "400 ValidationError Invalid Marker.", fmt.Sprint(e.Status, " ", e.Code, " ", e.Message))
		})
	}
	t.Run("another list's marker is no marker", func(t *testing.T) {
		require.Equal(t, "Invalid Marker.", c.refused("ListAccountAliases", "Marker", marker).Message)
		require.Equal(t, "Invalid Marker.", c.refused("ListAccessKeys", "Marker", marker).Message)
		require.Equal(t, "Invalid Marker.", c.refused("ListUserTags", "UserName", "user0", "Marker", marker).Message)
	})
	t.Run("a marker is good after everything is gone", func(t *testing.T) {
		for i := range 3 {
			c.must("DeleteUser", "UserName", fmt.Sprint("user", i))
		}
		require.Equal(t, "<Users></Users><IsTruncated>false</IsTruncated>", c.must("ListUsers", "Marker", marker))
	})
}

// A marker has at most 320 characters of Latin-1; a tag's key has up to 128 of any alphabet.
func TestMarkersOfKeysInAnyAlphabet(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	var keys []string
	for i := range 5 {
		keys = append(keys, strings.Repeat("\U00020000", 127)+fmt.Sprint(i))
		c.must("TagUser", "UserName", "bob", "Tags.member.1.Key", keys[i], "Tags.member.1.Value", "")
	}
	require.Equal(t, keys, c.pages("Key", 2, func() {}, "ListUserTags", "UserName", "bob"))
	answer := c.must("ListUserTags", "UserName", "bob", "MaxItems", "2")
	require.Regexp(t, `^[ -~]{1,320}$`, field(answer, "Marker"))
	t.Run("such a marker ends with its key", func(t *testing.T) {
		c.must("UntagUser", "UserName", "bob", "TagKeys.member.1", keys[1])
		require.Equal(t, "Invalid Marker.", c.refused("ListUserTags", "UserName", "bob", "Marker", field(answer, "Marker")).Message)
	})
}

func TestMarkersOfLongSerialNumbers(t *testing.T) {
	c := newClerk(t)
	var serials []string
	for i := range 3 {
		name := strings.Repeat("n", 225) + fmt.Sprint(i)
		answer := c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", name)
		serials = append(serials, field(answer, "SerialNumber"))
	}
	require.Equal(t, serials, c.pages("SerialNumber", 1, func() {}, "ListVirtualMFADevices"))
	require.Len(t, serials[0], 256, "as long as a serial number can be")
}
