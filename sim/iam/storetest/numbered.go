package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func numberedKey(n uint64) string { return fmt.Sprintf("%016x", n) }

// numbered puts records under numbers, some out of their order, and asks for them in every way.
func numbered(t *testing.T, s iam.Store) {
	numbers := []uint64{1, 2, 15, 16, 255, 256, 1 << 40, 1<<63 - 1}
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		for _, i := range []int{3, 0, 7, 1, 2, 5, 4, 6} {
			require.NoError(t, tx.Put(iam.Numbered, numberedKey(numbers[i]), []byte("first")))
		}
		return tx.Put("trailer", "1", []byte("of another kind"))
	}))
	put(t, s, iam.Numbered, numberedKey(16), "second")
	requireValue(t, s, iam.Numbered, numberedKey(16), "second")
	list := func(numbers ...uint64) []string {
		keys := []string{}
		for _, n := range numbers {
			keys = append(keys, numberedKey(n))
		}
		return keys
	}
	for name, c := range map[string]struct {
		prefix, after string
		limit         int
		want          []string
	}{
		"all":                       {want: list(numbers...)},
		"some":                      {limit: 3, want: list(1, 2, 15)},
		"after one":                 {after: numberedKey(15), limit: 2, want: list(16, 255)},
		"after one that is not":     {after: numberedKey(17), limit: 1, want: list(255)},
		"after none":                {after: numberedKey(0), limit: 1, want: list(1)},
		"after the last":            {after: numberedKey(1<<63 - 1), want: list()},
		"after what is no number":   {after: "00000000000000ff!", limit: 1, want: list(256)},
		"those of a prefix":         {prefix: "00000000000000", want: list(1, 2, 15, 16, 255)},
		"of a prefix, after one":    {prefix: "000000000000000", after: numberedKey(1), want: list(2, 15)},
		"of a prefix that none has": {prefix: "x", want: list()},
	} {
		require.Equal(t, c.want, keys(scan(t, s, iam.Numbered, c.prefix, c.after, c.limit)), name)
	}
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		for _, n := range []uint64{1, 3, 256} {
			require.NoError(t, tx.Delete(iam.Numbered, numberedKey(n)))
		}
		return nil
	}))
	require.Equal(t, list(2, 15, 16, 255, 1<<40, 1<<63-1), keys(scan(t, s, iam.Numbered, "", "", 0)))
	require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
		for _, key := range []string{numberedKey(3), "1", "000000000000000F"} {
			value, err := tx.Get(iam.Numbered, key)
			require.NoError(t, err)
			require.Nil(t, value, key)
		}
		return nil
	}))
}
