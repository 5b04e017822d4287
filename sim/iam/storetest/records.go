package storetest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// awkward holds keys that a store built on text, patterns or terminated strings gets wrong.
var awkward = []string{
	"\x00", "\x00\x00", "\x01", " ", "%", "%%", "'", "*", "A", "Alice", "Z", "[a-z]", "\\", "_", "__", "a", "a\x00",
	"a\x00b", "a%", "a_", "aa", "ab", "alice", "b", "straße", "strasse", "ünïcode", "鍵", "🔑", "🔑a", "\x80", "\xff",
	"\xff\xfe", "\xff\xff", "\xff\xff\xff",
}

func roundTrip(t *testing.T, s iam.Store) {
	for _, value := range []string{"first", "second", "", "\x00\xff", "third"} {
		put(t, s, "user", "alice", value)
		requireValue(t, s, "user", "alice", value)
	}
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Put("user", "nil", nil) }))
	requireValue(t, s, "user", "nil", "")
	require.Equal(t, []iam.Record{{Key: "nil", Value: []byte{}}}, scan(t, s, "user", "nil", "", 0))
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Delete("user", "alice") }))
	requireAbsent(t, s, "user", "alice")
}

func absent(t *testing.T, s iam.Store) {
	requireAbsent(t, s, "user", "alice")
	requireAbsent(t, s, "user", "")
	require.Empty(t, scan(t, s, "user", "", "", 0))
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Delete("user", "alice") }))
}

func kindsApart(t *testing.T, s iam.Store) {
	for _, kind := range []string{"a", "ab", "b"} {
		put(t, s, kind, "b", kind)
		put(t, s, kind, "bb", kind)
	}
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error { return tx.Delete("ab", "b") }))
	requireValue(t, s, "a", "b", "a")
	requireValue(t, s, "b", "b", "b")
	require.Equal(t, []string{"b", "bb"}, keys(scan(t, s, "a", "", "", 0)))
	require.Equal(t, []string{"bb"}, keys(scan(t, s, "ab", "", "", 0)))
	require.Empty(t, scan(t, s, "A", "", "", 0))
}

func putAwkward(t *testing.T, s iam.Store) []string {
	sorted := slices.Clone(awkward)
	slices.Sort(sorted)
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		for _, key := range awkward {
			require.NoError(t, tx.Put("user", key, []byte("value of "+key)))
		}
		return nil
	}))
	return sorted
}

func scanOrder(t *testing.T, s iam.Store) {
	sorted := putAwkward(t, s)
	found := scan(t, s, "user", "", "", 0)
	require.Equal(t, sorted, keys(found))
	for _, r := range found {
		require.Equal(t, "value of "+r.Key, string(r.Value))
		requireValue(t, s, "user", r.Key, "value of "+r.Key)
	}
}

func scanBounds(t *testing.T, s iam.Store) {
	sorted := putAwkward(t, s)
	bounds := append(slices.Clone(sorted), "", "nobody", "a\x00\x00", "\xff\xff\xff\xff")
	require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
		for _, prefix := range bounds {
			for _, after := range bounds {
				for _, limit := range []int{-1, 0, 1, 2, len(sorted) + 1} {
					found, err := tx.Scan("user", prefix, after, limit)
					require.NoError(t, err)
					require.Equal(t, choose(sorted, prefix, after, limit), keys(found),
						"prefix %q, after %q, limit %d", prefix, after, limit)
				}
			}
		}
		return nil
	}))
}

// choose is what Scan has to return, in the plainest words.
func choose(sorted []string, prefix, after string, limit int) []string {
	chosen := []string{}
	for _, key := range sorted {
		if bytes.HasPrefix([]byte(key), []byte(prefix)) && key > after && (limit <= 0 || len(chosen) < limit) {
			chosen = append(chosen, key)
		}
	}
	return chosen
}

func nameless(t *testing.T, s iam.Store) {
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		require.Error(t, tx.Put("", "alice", nil))
		require.Error(t, tx.Put("user", "", nil))
		return tx.Put("user", "bob", nil)
	}))
	requireAbsent(t, s, "user", "")
	requireAbsent(t, s, "", "alice")
	requireValue(t, s, "user", "bob", "")
}

func copies(t *testing.T, s iam.Store) {
	given := []byte("value")
	require.NoError(t, s.Update(context.Background(), func(tx iam.Tx) error {
		require.NoError(t, tx.Put("user", "alice", given))
		given[0] = 'X'
		got, err := tx.Get("user", "alice")
		require.NoError(t, err)
		require.Equal(t, "value", string(got))
		got[0] = 'Y'
		found, err := tx.Scan("user", "", "", 0)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "value", string(found[0].Value))
		found[0].Value[0] = 'Z'
		return nil
	}))
	requireValue(t, s, "user", "alice", "value")
}

func large(t *testing.T, s iam.Store) {
	value := string(bytes.Repeat([]byte("0123456789abcde\x00"), 1<<16))
	put(t, s, "user", "alice", value)
	put(t, s, "user", "bob", "small")
	requireValue(t, s, "user", "alice", value)
	found := scan(t, s, "user", "", "", 0)
	require.Equal(t, []string{"alice", "bob"}, keys(found))
	require.True(t, string(found[0].Value) == value, "the large value comes back changed from Scan")
	put(t, s, "user", "alice", "small")
	requireValue(t, s, "user", "alice", "small")
}
