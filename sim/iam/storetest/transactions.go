package storetest

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func ownWrites(t *testing.T, s iam.Store) {
	put(t, s, "user", "alice", "old")
	put(t, s, "user", "bob", "old")
	require.NoError(t, s.Update(t.Context(), func(tx iam.Tx) error {
		require.NoError(t, tx.Put("user", "alice", []byte("new")))
		require.NoError(t, tx.Put("user", "carol", []byte("new")))
		require.NoError(t, tx.Delete("user", "bob"))
		value, err := tx.Get("user", "alice")
		require.NoError(t, err)
		require.Equal(t, "new", string(value))
		found, err := tx.Scan("user", "", "", 0)
		require.NoError(t, err)
		require.Equal(t, []string{"alice", "carol"}, keys(found))

		require.Equal(t, []string{"alice", "bob"}, keys(scan(t, s, "user", "", "", 0)))
		requireValue(t, s, "user", "alice", "old")
		return nil
	}))
	require.Equal(t, []string{"alice", "carol"}, keys(scan(t, s, "user", "", "", 0)))
	requireValue(t, s, "user", "alice", "new")
}

// changeAll puts, changes and deletes a record; requireUnchanged finds out whether any of it stayed.
func changeAll(t require.TestingT, tx iam.Tx) {
	require.NoError(t, tx.Put("user", "new", []byte("new")))
	require.NoError(t, tx.Put("user", "old", []byte("changed")))
	require.NoError(t, tx.Delete("user", "gone"))
}

func prepare(t *testing.T, s iam.Store) {
	put(t, s, "user", "old", "as it was")
	put(t, s, "user", "gone", "still there")
}

func requireUnchanged(t *testing.T, s iam.Store) {
	requireAbsent(t, s, "user", "new")
	requireValue(t, s, "user", "old", "as it was")
	requireValue(t, s, "user", "gone", "still there")
	put(t, s, "user", "next", "works")
	requireValue(t, s, "user", "next", "works")
}

func errorUndoes(t *testing.T, s iam.Store) {
	prepare(t, s)
	refused := &iam.Error{Code: "NoSuchEntity"}
	err := s.Update(t.Context(), func(tx iam.Tx) error {
		changeAll(t, tx)
		return refused
	})
	require.Same(t, refused, err)
	requireUnchanged(t, s)
	require.Same(t, refused, s.View(t.Context(), func(iam.Tx) error { return refused }))
}

func panicUndoes(t *testing.T, s iam.Store) {
	prepare(t, s)
	require.PanicsWithValue(t, "broken", func() {
		_ = s.Update(t.Context(), func(tx iam.Tx) error {
			changeAll(t, tx)
			panic("broken")
		})
	})
	require.PanicsWithValue(t, "broken", func() {
		_ = s.View(t.Context(), func(iam.Tx) error { panic("broken") })
	})
	requireUnchanged(t, s)
}

func goexitUndoes(t *testing.T, s iam.Store) {
	prepare(t, s)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Update(t.Context(), func(tx iam.Tx) error {
			changeAll(t, tx)
			runtime.Goexit()
			return nil
		})
	}()
	<-ended
	requireUnchanged(t, s)
}

func viewRefusesWrites(t *testing.T, s iam.Store) {
	prepare(t, s)
	require.NoError(t, s.View(t.Context(), func(tx iam.Tx) error {
		require.Error(t, tx.Put("user", "new", []byte("new")))
		require.Error(t, tx.Put("user", "old", []byte("changed")))
		require.Error(t, tx.Delete("user", "gone"))
		value, err := tx.Get("user", "old")
		require.NoError(t, err)
		require.Equal(t, "as it was", string(value))
		return nil
	}))
	requireUnchanged(t, s)
}

func overIsOver(t *testing.T, s iam.Store) {
	prepare(t, s)
	var kept []iam.Tx
	keep := func(tx iam.Tx) error {
		kept = append(kept, tx)
		return nil
	}
	require.NoError(t, s.View(t.Context(), keep))
	require.NoError(t, s.Update(t.Context(), keep))
	require.Error(t, s.Update(t.Context(), func(tx iam.Tx) error { return errors.Join(keep(tx), errors.New("undo")) }))
	for _, tx := range kept {
		_, err := tx.Get("user", "old")
		require.Error(t, err)
		_, err = tx.Scan("user", "", "", 0)
		require.Error(t, err)
		require.Error(t, tx.Put("user", "new", nil))
		require.Error(t, tx.Delete("user", "gone"))
	}
	requireUnchanged(t, s)
}

func endedContext(t *testing.T, s iam.Store) {
	prepare(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(iam.Tx) error {
		t.Error("the function ran although the context had ended")
		return nil
	}
	require.ErrorIs(t, s.View(ctx, never), context.Canceled)
	require.ErrorIs(t, s.Update(ctx, never), context.Canceled)
	requireUnchanged(t, s)
}

func contextEndsInside(t *testing.T, s iam.Store) {
	prepare(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	require.ErrorIs(t, s.Update(ctx, func(tx iam.Tx) error {
		changeAll(t, tx)
		cancel()
		return nil
	}), context.Canceled)
	requireUnchanged(t, s)
}

func closed(t *testing.T, s iam.Store) {
	prepare(t, s)
	require.NoError(t, s.Close())
	never := func(iam.Tx) error {
		t.Error("the function ran although the store is closed")
		return nil
	}
	require.ErrorIs(t, s.View(t.Context(), never), fs.ErrClosed)
	require.ErrorIs(t, s.Update(t.Context(), never), fs.ErrClosed)
	require.ErrorIs(t, s.Close(), fs.ErrClosed)
}
