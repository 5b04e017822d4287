package storetest

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func notes(t *testing.T, s iam.Store) {
	put(t, s, "user", "alice", "old")
	// In turn, as a store with calls that change something and calls that do not has them.
	for range 3 {
		require.NoError(t, s.Note(t.Context(), func(tx iam.Tx) error {
			require.NoError(t, tx.Put("user", "alice", []byte("noted")))
			return tx.Put(iam.Numbered, "0000000000000001", []byte("noted"))
		}))
		requireValue(t, s, "user", "alice", "noted")
		requireValue(t, s, iam.Numbered, "0000000000000001", "noted")
		put(t, s, "user", "alice", "updated")
		requireValue(t, s, "user", "alice", "updated")
	}
	refused := errors.New("refused")
	require.ErrorIs(t, s.Note(t.Context(), func(tx iam.Tx) error {
		require.NoError(t, tx.Delete("user", "alice"))
		return refused
	}), refused)
	requireValue(t, s, "user", "alice", "updated")
}
